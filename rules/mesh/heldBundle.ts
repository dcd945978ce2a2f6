/** Which trust anchors a proxy was started with, by the hash that its pod carries, and how they stand to the mesh's own. */
import { bundleSha256, joinBundle } from "../credentials/bundle.ts";
import { isSameAuthority, type ParsedCertificate } from "../credentials/certificate.ts";
import { chainInProxy } from "../credentials/chain.ts";

/**
 * How the anchors that a proxy holds stand to those that the mesh has now:
 * - `current`: the same ones.
 * - `overlapping`: not the same, and at least one of them.
 * - `stale`: none of them.
 * - `unknown`: nobody can say which it holds.
 */
export type BundleState = (typeof bundleStates)[number];

export const bundleStates = ["current", "overlapping", "stale", "unknown"] as const;

/** @param held absent if they are not known. */
export function bundleState(
  held: readonly ParsedCertificate[] | undefined,
  current: readonly ParsedCertificate[],
): BundleState {
  if (held === undefined) return "unknown";
  const isIn = (anchors: readonly ParsedCertificate[]) => (one: ParsedCertificate) =>
    anchors.some((anchor) => isSameAuthority(anchor, one));
  if (held.every(isIn(current)) && current.every(isIn(held))) return "current";
  return held.some(isIn(current)) ? "overlapping" : "stale";
}

/** What identity hands out: a leaf, and what follows it towards an anchor. */
export interface IssuedChain {
  readonly leaf: ParsedCertificate;
  readonly intermediates: readonly ParsedCertificate[];
}

/** Why a proxy with these anchors refuses a leaf; `undefined` if it accepts it. */
export function refusalOf(
  { leaf, intermediates }: IssuedChain,
  held: readonly ParsedCertificate[],
  time: Date,
): string | undefined {
  return chainInProxy(leaf, intermediates, held, time).reason;
}

/**
 * The bundles that a hash may stand for where only the hash is known, by their hashes: the mesh's own as it is written, each
 * of its anchors alone, and each two of them in either order.
 *
 * A control-plane pod has the hash of the chart's value as it was given, which may end in a newline; a meshed pod that of
 * what the ConfigMap holds, which does not.
 *
 * @param anchors those of the bundle, and others that the mesh has had or is going to have.
 */
export function bundlesByHash(
  bundle: string,
  anchors: readonly ParsedCertificate[],
): ReadonlyMap<string, string> {
  const pems = [...new Set(anchors.map(({ x509 }) => joinBundle([x509.toString()])))];
  const pairs = pems.flatMap((one) => pems.filter((other) => other !== one).map((other) => [one, other]));
  const texts = [bundle, ...[...pems.map((pem) => [pem]), ...pairs].map((some) => some.join("\n"))];
  // The first text of a hash is the bundle's own.
  return new Map(
    texts
      .toReversed()
      .flatMap((text) =>
        [text, `${text.trimEnd()}\n`, text.trimEnd()].map((one) => [bundleSha256(one), text]),
      ),
  );
}
