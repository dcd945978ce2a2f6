/** What each remedy does. Whether it has helped is not asked here: the next look tells. */
import { askToIssue } from "../../mesh/certManager.ts";
import { restart } from "../../mesh/restart.ts";
import { writeTrustRoots } from "../../mesh/trustRoots.ts";
import { identityDeploymentName } from "../../rules/linkerdNames.ts";
import { nameOfWorkload, type Workload } from "../../rules/mesh/workload.ts";
import type { MeshEvidence, RemedyName } from "../../rules/recovery/plan.ts";
import { comeUp, restartAll } from "../restart.ts";
import { runUpdate } from "../update.ts";
import type { Look } from "./look.ts";

/** Server-side apply would otherwise leave a field to whoever has changed it last, and fail. */
const takeBack = { PULUMI_K8S_ENABLE_PATCH_FORCE: "true" };

type Report = (line: string) => void;

/**
 * Does what a remedy says.
 *
 * @throws Error if it cannot be done.
 */
export async function carryOut(
  name: RemedyName,
  { stack, state, evidence }: Look,
  report: Report,
): Promise<void> {
  const { mesh } = stack;
  const seen = evidence.mesh;
  switch (name) {
    case "bundle":
      return writeTrustRoots(mesh, state.bundle!.release, state.bundle!.pem);
    case "update":
      return runUpdate(
        stack.name,
        ["--refresh", "--skip-preview"],
        evidence.objects.length > 0 ? takeBack : {},
      );
    case "issuer":
      return issue([seen!.issuer.certificate!]);
    case "reload":
      return;
    case "identity":
      return restartNow({ namespace: mesh.namespace, kind: "Deployment", name: identityDeploymentName });
    case "webhooks":
      return issue(seen!.webhooks.faults.flatMap(({ certificate }) => certificate ?? []));
    case "controlPlane":
      for (const { workload } of strandedOf(seen!, true)) await restartNow(workload);
      return;
    case "workloads":
      return restartAll(mesh, { workloads: strandedOf(seen!, false), others: [] }, report);
  }

  async function issue(certificates: readonly string[]): Promise<void> {
    for (const certificate of new Set(certificates)) await askToIssue(mesh, certificate);
  }

  /** Whatever budgets say: what is down disrupts nobody by its restart. */
  async function restartNow(workload: Workload): Promise<void> {
    await restart(mesh, workload, new Date());
    await comeUp(mesh, workload);
    report(`${nameOfWorkload(workload)} has restarted.`);
  }
}

/** Those that can be restarted, of the control plane or of all others. */
function strandedOf(
  { stranded, namespace }: MeshEvidence,
  ofControlPlane: boolean,
): MeshEvidence["stranded"] {
  return stranded.filter(
    ({ canRestart, workload }) => canRestart && (workload.namespace === namespace) === ofControlPlane,
  );
}
