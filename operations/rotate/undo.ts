/** Takes back that the older generation has stopped vouching, when a proxy's renewal fails for it. */
import { setTimeout } from "node:timers/promises";
import { durationMilliseconds } from "../../rules/lifetimes/duration.ts";
import { type Demands, deliveryMilliseconds, failedRenewals } from "../../rules/rotation/gates.ts";
import { recall } from "../../rules/rotation/steps.ts";
import { formatTime } from "../format.ts";
import { isOpen, type Plan } from "./plan.ts";
import type { Stack } from "./stack.ts";

/** Looks in one time that is watched: few enough for a mesh of thousands of proxies, each of which is asked. */
const looks = 40;
const shortestPollMilliseconds = 2000;
/** Of a leaf's life: by then a proxy has renewed it, or has failed to. */
const renewedBy = 0.8;
/** How long it takes from another signer until every proxy has renewed its certificate, or has failed to. */
function renewalMilliseconds({ issuanceLifetime, clockSkewAllowance }: Demands): number {
  return (
    durationMilliseconds(issuanceLifetime) * renewedBy +
    2 * durationMilliseconds(clockSkewAllowance) +
    deliveryMilliseconds
  );
}

/**
 * Why the older generation has to vouch again, as lines for people; `undefined` if nothing speaks for it, or it cannot, or
 * must not.
 */
export function reasonToRecall(
  { stage, settings }: Pick<Stack, "stage" | "settings">,
  { seen }: Pick<Plan, "seen">,
): readonly string[] | undefined {
  // What has been set to false by a step can be set back; a generation without a key cannot vouch anyhow.
  if (stage.name !== "alone" || settings.trustAnchor.crossSign || stage.elsewhere !== undefined)
    return undefined;
  const failed = failedRenewals(stage.signing, seen);
  if (failed.length === 0) return undefined;
  return [
    `Since generation ${stage.signing} signs alone, ${failed.length === 1 ? "a proxy fails" : `${failed.length} proxies fail`} to renew the certificate:`,
    ...failed.map(({ proxy, seen: shown }) => `  ${proxy}: ${shown}`),
    `So that no certificate ends, this is taken back now: ${recall.does}. Restart these pods, and type: npm run -s rotate -- finish`,
  ];
}

/**
 * Looks again and again for as long as every proxy needs to renew its certificate, and ends sooner if all have, or one fails to.
 *
 * @returns the last look.
 */
export async function watchRenewals(
  { demands, mesh }: Pick<Stack, "demands" | "mesh">,
  look: () => Promise<Plan>,
  isDone: (plan: Plan) => boolean,
  report: (line: string) => void,
): Promise<Plan> {
  const period = renewalMilliseconds(demands);
  const end = Date.now() + period;
  report(
    `Watching until every proxy has renewed its certificate, at most until ${formatTime(new Date(end))}. Ctrl-C ends the watching alone: each npm run -s rotate -- run looks as well.`,
  );
  for (;;) {
    const plan = await look();
    if (isOpen(plan) || isDone(plan) || Date.now() > end) return plan;
    const poll = Math.max(shortestPollMilliseconds, period / looks);
    await setTimeout(poll, undefined, { signal: mesh.signal });
  }
}
