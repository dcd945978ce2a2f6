/** What each remedy does. Whether it has helped is not asked here: the next look tells. */
import { setTimeout } from "node:timers/promises";
import { askToIssue } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { restart } from "../../mesh/restart.ts";
import { readStoredCertificate } from "../../mesh/storedCertificate.ts";
import { writeTrustRoots } from "../../mesh/trustRoots.ts";
import { identityDeploymentName, identityIssuerName } from "../../rules/linkerdNames.ts";
import { nameOfWorkload, type Workload } from "../../rules/mesh/workload.ts";
import type { MeshEvidence, RemedyName } from "../../rules/recovery/plan.ts";
import { readProject } from "../project.ts";
import { comeUp, restartAll } from "../restart.ts";
import { writeEdit } from "../rotate/apply.ts";
import { forgetPendingCreates, runUpdate } from "../update.ts";
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
      return update([], evidence.objects.length > 0 ? takeBack : {});
    case "reissue":
      return reissue();
    case "vouch":
      // Said in as many words, so that no scheduler stops it again.
      if (!stack.settings.trustAnchor.crossSign) {
        writeEdit(readProject(), stack.name, { crossSign: true });
      }
      return update([], takeBack);
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

  /**
   * Pulumi replaces a certificate that has ended, unless that is protected. Of all else that is, the gates let nothing go. What
   * they refuse as well is the issuer below what has ended, which cert-manager does not issue again of itself.
   */
  async function reissue(): Promise<void> {
    const again = () => update(["--ignore-protect"], takeBack);
    const { certificate } = seen!.issuer;
    try {
      await again();
    } catch (error) {
      if (mesh.signal.aborted || certificate === undefined) throw error;
      report(
        "The anchors' own Secrets are right by now, if nothing else stands above. To have the issuer issued again, and pulumi up once more …",
      );
      await issueAndWait(mesh, certificate);
      await again();
    }
  }

  async function update(
    options: readonly string[],
    variables: Readonly<Record<string, string>>,
  ): Promise<void> {
    if (state.hasPendingCreates) await forgetPendingCreates(stack.name);
    await runUpdate(stack.name, ["--refresh", "--skip-preview", ...options], variables);
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

const pollMilliseconds = 1000;
const issuanceMilliseconds = 60_000;

/** @throws Error if cert-manager has not written another issuer within a minute. */
async function issueAndWait(mesh: Mesh, certificate: string): Promise<void> {
  const stored = async () => (await readStoredCertificate(mesh, identityIssuerName)).pem?.text;
  const before = await stored();
  await askToIssue(mesh, certificate);
  const end = performance.now() + issuanceMilliseconds;
  while ((await stored()) === before) {
    if (performance.now() > end) {
      throw new Error(
        `cert-manager has not issued Certificate ${mesh.namespace}/${certificate} again within a minute. See why: kubectl -n ${mesh.namespace} describe certificate ${certificate}`,
      );
    }
    await setTimeout(pollMilliseconds, undefined, { signal: mesh.signal });
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
