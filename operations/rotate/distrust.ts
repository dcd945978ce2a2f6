/** `rotate begin --distrust`: what it says before it begins. */
import type { Seen } from "../../mesh/rotationEvidence.ts";
import { describeWorkloads } from "../../rules/mesh/anchorHolders.ts";
import { type Demands, isThrough } from "../../rules/rotation/gates.ts";
import { named, type Stage } from "../../rules/rotation/stage.ts";
import type { Edit } from "../../rules/rotation/steps.ts";
import { formatSpan } from "../format.ts";
import { estimateOf, restartsFor } from "../restart.ts";

/** How long it takes, and what breaks meanwhile. */
export function describeDistrust(
  stage: Stage,
  { distrusted = [] }: Edit,
  seen: Seen,
  namespace: string,
  { issuanceLifetime }: Demands,
): string {
  const newest = Math.max(...stage.generations, ...distrusted.map((one) => one + 1));
  // The control plane is restarted by pulumi up.
  const held = seen.held.map((group) => ({
    ...group,
    pods: group.pods.filter((pod) => pod.namespace !== namespace),
  }));
  const restarts = restartsFor(held, (anchors) => isThrough(anchors, newest, seen, true));
  const { workloads, others } = restarts;
  const pods = workloads.reduce((sum, one) => sum + one.pods, 0);
  const left = others.map((workload) => ({ pods: [{ workload }] }));
  return [
    `Whoever has the key of ${named(distrusted)} can be anyone in this mesh, for each pod that trusts it. So ${named(distrusted)} ${distrusted.length === 1 ? "leaves" : "leave"} the bundle at once, with nothing to vouch for generation ${newest}.`,
    "",
    `  What breaks: a pod that is not restarted yet refuses the control plane and every pod that is, and is refused by them. Among themselves, both go on.`,
    `  For how long: pulumi up restarts the control plane; then ${count(pods, "pod")} of ${count(workloads.length, "workload")} restart, about ${formatSpan(estimateOf(restarts))} in all if each batch of four is ready within a minute. A pod is whole again when it has restarted, and so have those that it talks to.`,
    `  What does not wait: a pod that has not restarted when its certificate ends, ${issuanceLifetime} after it got that, has none from then on.`,
    ...(others.length === 0
      ? []
      : [
          `  What is not restarted here, and stays cut off until whoever has made it makes it anew: ${describeWorkloads(left)}`,
        ]),
    `  When the last pod is through, ${named(distrusted)} ${distrusted.length === 1 ? "is" : "are"} deleted. Until then, npm run -s rotate -- abort lets it vouch again, which mends what is broken.`,
    "",
  ].join("\n");
}

const count = (number: number, one: string) => `${number} ${number === 1 ? one : `${one}s`}`;
