/** Takes a step: one edit of the stack's file, `pulumi up`, and proof of what every proxy gets after it. */
import { setTimeout } from "node:timers/promises";
import type { Mesh } from "../../mesh/cluster.ts";
import { readEvidence, type Seen } from "../../mesh/rotationEvidence.ts";
import type { PlannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { checkIssued, crossCertificatesIn, type Demands } from "../../rules/rotation/gates.ts";
import type { Edit } from "../../rules/rotation/steps.ts";
import { formatSpan } from "../format.ts";
import { type Project, readStackText, writeStackText } from "../project.ts";
import { editStackText } from "./stackEdit.ts";

const pollMilliseconds = 2000;
/** The kubelet delivers a changed Secret within two minutes, and the control plane may be rolled out meanwhile. */
const proofMilliseconds = 5 * 60_000;

/** Changes the stack's file. */
export function writeEdit(project: Project, stack: string, edit: Edit): void {
  const text = readStackText(project, stack);
  writeStackText(project, stack, editStackText(text, project.name, edit));
}

/**
 * Waits until every identity controller gives certificates that every pod of the mesh accepts, below what is to sign.
 *
 * @throws Error with what was awaited and what was seen, after five minutes.
 */
export async function awaitProof(
  mesh: Mesh,
  planned: PlannedAnchors,
  demands: Demands,
  report: (line: string) => void,
): Promise<Seen> {
  const begun = performance.now();
  let told = "";
  for (;;) {
    const seen = await readEvidence(mesh, planned, false);
    const missing = unproven(seen, planned, demands);
    const elapsed = performance.now() - begun;
    if (missing.length === 0) {
      report(`${formatSpan(elapsed)}: every identity controller gives certificates that every pod accepts.`);
      return seen;
    }
    if (missing.join() !== told) report(`${formatSpan(elapsed)}: waiting: ${missing.join("; ")}`);
    told = missing.join();
    if (elapsed > proofMilliseconds) {
      throw new Error(
        `Waited ${formatSpan(elapsed)} for every identity controller to give certificates that every pod accepts; seen: ${told}. ` +
          "See npm run -s status; npm run -s rotate -- abort goes back.",
      );
    }
    await setTimeout(pollMilliseconds, undefined, { signal: mesh.signal });
  }
}

/** What is still missing of the proof. */
function unproven(
  seen: Seen,
  { signing, crossSigned, distrusted }: PlannedAnchors,
  demands: Demands,
): readonly string[] {
  // Pods that hold what is distrusted are meant to refuse it.
  const { time, held } = { ...seen, ...(distrusted.length > 0 && { held: [] }) };
  if (seen.controllers.length === 0) return ["no identity controller is running"];
  return [
    ...seen.pending,
    ...seen.controllers.flatMap((controller) => {
      const { podName, proof } = controller;
      if (proof !== undefined && seen.stored && !proof.issuer.x509.raw.equals(seen.stored.x509.raw)) {
        return [`${podName} has not loaded the issuer that is stored`];
      }
      const vouched = crossCertificatesIn(controller).length > 0;
      const wrong =
        // What stands behind someone else's issuer is theirs.
        proof !== undefined && signing !== undefined && vouched !== crossSigned.length > 0
          ? [`${podName} gives certificates ${vouched ? "with" : "without"} a cross certificate`]
          : [];
      return [...wrong, ...checkIssued(controller, { held, time }, demands)];
    }),
  ];
}
