/** What a proxy's own certificate tells: a proxy whose leaf has ended never renews itself, and says so nowhere. */
import { isSignedBy, type ParsedCertificate } from "../credentials/certificate.ts";
import { chainInProxy } from "../credentials/chain.ts";
import type { Generation } from "./generations.ts";

/** Linkerd's proxies ask for the next leaf when this much of its life is over. */
const refreshAt = 0.7;
/** A proxy of which no failure is known is late when this much of it is over. */
export const lateAt = 0.8;
/** What one may be late that has failed at some time since its start: it asks a while later, for the clock's skew. */
const graceAfterFailures = 0.04;

/**
 * - `live`: it has been refreshed in time so far.
 * - `failing`: it should have been refreshed by now, and has not been.
 * - `ended`: it is not valid any more, and the proxy will not come back without a restart.
 * - `refused`: it is valid, and leads to none of the mesh's anchors.
 */
export type LeafState = (typeof leafStates)[number];

export const leafStates = ["live", "failing", "ended", "refused"] as const;

/** A leaf's life, and how many refreshes have failed since the proxy started, as far as it says so. */
export interface LeafLife {
  readonly from: Date;
  readonly end: Date;
  readonly failedRefreshes?: number | undefined;
}

/** When a proxy asks for the next one. */
export function refreshTime({ from, end }: Pick<LeafLife, "from" | "end">): Date {
  return new Date(from.getTime() + refreshAt * (end.getTime() - from.getTime()));
}

export function lifeState(
  { from, end, failedRefreshes = 0 }: LeafLife,
  time: Date,
): Exclude<LeafState, "refused"> {
  if (time > end) return "ended";
  const over = (time.getTime() - from.getTime()) / (end.getTime() - from.getTime());
  return over > (failedRefreshes > 0 ? refreshAt + graceAfterFailures : lateAt) ? "failing" : "live";
}

/** @param anchors the mesh's own, by which others judge it. */
export function leafState(
  leaf: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  failedRefreshes: number | undefined,
  anchors: readonly ParsedCertificate[],
  time: Date,
): LeafState {
  const { validFromDate: from, validToDate: end } = leaf.x509;
  const state = lifeState({ from, end, failedRefreshes }, time);
  if (state === "ended") return state;
  return chainInProxy(leaf, intermediates, anchors, time).chain === undefined ? "refused" : state;
}

/** The generation below which a leaf was signed, whether it is still valid or not; `undefined` if below none of these. */
export function signingGeneration(
  leaf: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  generations: readonly Generation[],
): Generation | undefined {
  let below = leaf;
  for (const _ of [leaf, ...intermediates]) {
    const generation = generations.find(({ certificate }) => isSignedBy(below, certificate));
    if (generation !== undefined) return generation;
    const above = intermediates.find((authority) => isSignedBy(below, authority));
    if (above === undefined) return undefined;
    below = above;
  }
  return undefined;
}
