/** `--fix`: restarts what only a restart helps, and nothing else. */
import type { Mesh } from "../../mesh/cluster.ts";
import type { MeshedPod } from "../../mesh/meshedPods.ts";
import { canRestart, restart, rolledOut } from "../../mesh/restart.ts";
import { chainToAnchor } from "../../rules/credentials/chain.ts";
import type { Finding } from "../../rules/finding.ts";
import { identityDeploymentName } from "../../rules/linkerdNames.ts";
import { nameOfWorkload, type Workload } from "../../rules/mesh/workload.ts";
import { isDelivered } from "../advice.ts";
import { podsToRestart } from "./dataPlaneVerdict.ts";
import type { MeshStatus } from "./read.ts";

interface PlannedRestart {
  readonly workload: Workload;
  readonly reason: string;
}

export interface Plan {
  /** In their order: identity first, since all others ask it, and then the rest of the control plane. */
  readonly restarts: readonly PlannedRestart[];
  /** What has to be made anew by others: pods of their own, and Jobs. */
  readonly others: readonly PlannedRestart[];
  /** Why nothing is restarted although something is broken. */
  readonly held?: string | undefined;
}

/** What a restart would mend. */
export function planOf(status: MeshStatus, problems: readonly Finding[]): Plan {
  const identity = identityRestart(status, problems);
  const byWorkload = Map.groupBy(podsToRestart(status), ([pod]) => nameOfWorkload(pod.workload));
  const pods = [...byWorkload.values()].map((some): PlannedRestart => {
    const [[pod, reason]] = some as [[MeshedPod, string]];
    return {
      workload: pod.workload,
      reason: `${some.length === 1 ? "1 pod" : `${some.length} pods`}: ${reason}`,
    };
  });
  const isIdentity = ({ workload }: PlannedRestart) =>
    workload.namespace === status.namespace && workload.name === identityDeploymentName;
  const all = [
    ...(identity === undefined ? [] : [identity]),
    ...staleWebhooks(status, problems),
    ...pods.filter((one) => identity === undefined || !isIdentity(one)),
  ];
  const order = (one: PlannedRestart) =>
    isIdentity(one) ? 0 : one.workload.namespace === status.namespace ? 1 : 2;
  const sorted = all.toSorted((one, other) => order(one) - order(other));
  const others = sorted.filter(({ workload }) => !canRestart(workload));
  const restarts = sorted.filter(({ workload }) => canRestart(workload));
  const held = restarts.length === 0 ? undefined : reasonToWait(status, identity);
  return held === undefined ? { restarts, others } : { restarts: [], others, held };
}

/** A controller that starts with an issuer below no anchor ends at once; a pod that starts without identity gets no leaf. */
function reasonToWait(
  { issuer, trust, controllers, readAt }: MeshStatus,
  identity: PlannedRestart | undefined,
) {
  if (issuer.certificate === undefined) return "the Secret has no identity issuer";
  const { reason } = chainToAnchor(issuer.certificate, issuer.intermediates, trust.anchors, readAt);
  if (reason !== undefined) return `identity would not start with the issuer that is stored: ${reason}`;
  const answers = controllers.some(({ proof }) => proof !== undefined);
  return answers || identity !== undefined
    ? undefined
    : "no identity controller answers, so that pods that start would get no leaf";
}

function identityRestart(
  { issuer, namespace, readAt }: MeshStatus,
  problems: readonly Finding[],
): PlannedRestart | undefined {
  const missed = problems.find(({ rule }) => rule === "issuer-loaded" || rule === "controller-anchors");
  if (missed === undefined) return undefined;
  // The kubelet may still be on its way.
  const isComing = issuer.certificate !== undefined && !isDelivered(issuer.certificate, readAt);
  if (missed.rule === "issuer-loaded" && isComing) return undefined;
  const workload = { namespace, kind: "Deployment", name: identityDeploymentName };
  return { workload, reason: missed.message };
}

/** The workloads of webhooks that serve something else than what is stored. */
export function staleWebhooks(
  { dataPlane }: Pick<MeshStatus, "dataPlane">,
  problems: readonly Finding[],
): readonly PlannedRestart[] {
  const pods = dataPlane?.bundles.flatMap((bundle) => bundle.pods) ?? [];
  const found = problems
    .filter(({ rule, message }) => rule === "webhook-served" && message.includes(" serves "))
    .flatMap(({ field, message }) =>
      pods
        .filter(({ namespace, name }) => field === `Pod ${namespace}/${name}`)
        .map(({ workload }): [string, PlannedRestart] => [
          nameOfWorkload(workload),
          { workload, reason: message },
        ]),
    );
  return [...new Map(found).values()];
}

export function describePlan({ restarts, others, held }: Plan): string {
  const line = ({ workload, reason }: PlannedRestart) => `  ${nameOfWorkload(workload)}: ${reason}`;
  return [
    restarts.length > 0
      ? "Restarting, in this order:"
      : held === undefined
        ? "Nothing here is mended by a restart."
        : `Nothing is restarted: ${held}`,
    ...restarts.map(line),
    ...(others.length > 0 ? ["To be made anew by whoever has made them:", ...others.map(line)] : []),
  ].join("\n");
}

/**
 * Restarts them one after the other; for identity it waits until it runs.
 *
 * @throws Error if one cannot be restarted: those before it have been.
 */
export async function carryOut(mesh: Mesh, { restarts }: Plan): Promise<void> {
  for (const { workload } of restarts) {
    await restart(mesh, workload, new Date());
    console.log(`Restarted ${nameOfWorkload(workload)}.`);
    if (workload.name === identityDeploymentName && workload.namespace === mesh.namespace) {
      await rolledOut(mesh, workload);
      console.log("It runs.");
    }
  }
}
