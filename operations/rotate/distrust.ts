/** `rotate begin --distrust`: what it says before it begins, and whether there is a way back. */
import { X509Certificate } from "node:crypto";
import type { Seen } from "../../mesh/rotationEvidence.ts";
import { known } from "../../rules/known.ts";
import { describeWorkloads } from "../../rules/mesh/anchorHolders.ts";
import { type Demands, isThrough } from "../../rules/rotation/gates.ts";
import { named, type Stage } from "../../rules/rotation/stage.ts";
import type { Edit } from "../../rules/rotation/steps.ts";
import { crossSignings } from "../../rules/settings/crossSigning.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { Refused } from "../confirm.ts";
import { formatSpan } from "../format.ts";
import { estimateOf, restartsFor } from "../restart.ts";
import type { Stack } from "./stack.ts";

/** How long it takes, and what breaks meanwhile. */
export function describeDistrust(
  stage: Stage,
  { distrusted = [], generations = stage.generations }: Edit,
  settings: Settings,
  seen: Seen,
  namespace: string,
  { issuanceLifetime }: Demands,
): string {
  const newest = generations.at(-1)!;
  // The control plane is restarted by pulumi up.
  const held = seen.held.map((group) => ({
    ...group,
    pods: group.pods.filter((pod) => pod.namespace !== namespace),
  }));
  const restarts = restartsFor(held, (anchors) => isThrough(anchors, newest, seen, true));
  const { workloads, others } = restarts;
  const pods = workloads.reduce((sum, one) => sum + one.pods, 0);
  const left = others.map((workload) => ({ pods: [{ workload }] }));
  const back = canReturn({ generations, signing: newest }, settings, seen.time)
    ? `Until then, npm run -s rotate -- abort lets it vouch again. ${afterReturn}`
    : `There is no way back: ${noReturn}.`;
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
    `  When the last pod is through, ${named(distrusted)} ${distrusted.length === 1 ? "is" : "are"} deleted. ${back}`,
    "",
  ].join("\n");
}

/** What the way back does not mend: a certificate keeps the chain that it was issued with. */
export const afterReturn =
  "Pods that got their certificates before that are refused by those of before until they have renewed them; to restart them at once: npm run -s recover";

/** Why there is no way back. */
const noReturn =
  "what was distrusted cannot vouch again, since it was given, and has ended or is here without its key";

/** @throws Error if there is no way back: what pulumi up would refuse then is not written to the stack's file. */
export function requireReturn({ stage, settings }: Pick<Stack, "stage" | "settings">): void {
  if (canReturn(stage, settings, new Date())) return;
  throw new Refused(`${noReturn[0]!.toUpperCase()}${noReturn.slice(1)}. To go on: npm run -s rotate -- run`);
}

/**
 * Whether what is distrusted could vouch again for what signs. Of an anchor that Pulumi has made, it issues again what has ended; one
 * that is given has to be alive.
 */
export function canReturn(
  { generations, signing }: Pick<Stage, "generations" | "signing">,
  settings: Settings,
  time: Date,
): boolean {
  const trustAnchor = { ...settings.trustAnchor, generations, signing, crossSign: true, distrusted: [] };
  const links = crossSignings({ ...settings, trustAnchor });
  return (
    links.length > 0 &&
    links.every(({ by }) => {
      const pem = known(trustAnchor.provided[by]?.certificatePem);
      return pem === undefined || new X509Certificate(pem).validToDate > time;
    })
  );
}

/**
 * Options of the update: what Pulumi has made with a key that is lost is protected as long as it signs, and goes in the run in which it
 * no longer does. Of all else that is protected, the gates let nothing go.
 */
export function updateOptions(
  distrusted: readonly number[],
  { trustAnchor: { provided } }: Settings,
): readonly string[] {
  const lacksKey = distrusted.some(
    (one) => provided[one] !== undefined && provided[one].privateKeyPem === undefined,
  );
  return lacksKey ? ["--ignore-protect"] : [];
}

const count = (number: number, one: string) => `${number} ${number === 1 ? one : `${one}s`}`;
