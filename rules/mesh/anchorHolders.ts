/**
 * Whether the pods of a mesh accept what is going to sign for it: a proxy reads its trust anchors once, when it starts, and
 * so a pod may live for months on a bundle that the mesh no longer has.
 */

import { countOf } from "../count.ts";
import { isSameAuthority, type ParsedCertificate, quotedName } from "../credentials/certificate.ts";
import { chainInProxy } from "../credentials/chain.ts";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { isGeneration, type PlannedAnchors } from "./anchorChange.ts";
import { nameOfWorkload, type Workload } from "./workload.ts";

/** Pods whose proxies were started with the same bundle. */
export interface Holders {
  /** The anchors in it; absent if they are not known. */
  readonly anchors?: readonly ParsedCertificate[];
  /** Why they are not known. */
  readonly reason?: string;
  readonly pods: readonly { readonly workload: Workload }[];
}

/**
 * The generations whose pods may meet what signs: the one that signs, those that vouch for it, and those that are distrusted,
 * whose pods are cut off on purpose.
 */
function acceptedBy({ signing, crossSigned, distrusted }: PlannedAnchors): readonly number[] {
  return signing === undefined ? [] : [signing, ...crossSigned.map(({ by }) => by), ...distrusted];
}

/**
 * Tells whether an anchor that a pod holds is that generation. One that Pulumi has made has the name of one that was deleted
 * before it, of a rotation that was taken back; so it is the one of that name in the bundle of the running mesh, or none.
 */
function holdsWith(planned: PlannedAnchors, running: readonly ParsedCertificate[]) {
  const roots = new Map(
    planned.generations.map((generation) => [
      generation,
      running.find(({ x509 }) => isGeneration(x509, generation, planned)),
    ]),
  );
  return (anchor: ParsedCertificate, generation: number): boolean => {
    if (planned.provided[generation] !== undefined) return isGeneration(anchor.x509, generation, planned);
    const root = roots.get(generation);
    return root !== undefined && isSameAuthority(anchor, root);
  };
}

/** The pods that would refuse every certificate of the mesh, once they meet one that is issued then. */
function refusing(
  planned: PlannedAnchors,
  held: readonly Holders[],
  running: readonly ParsedCertificate[],
): readonly Holders[] {
  const accepted = acceptedBy(planned);
  if (accepted.length === 0) return [];
  const isHeld = holdsWith(planned, running);
  return held.filter(
    ({ anchors }) =>
      anchors !== undefined &&
      !anchors.some((anchor) => accepted.some((generation) => isHeld(anchor, generation))),
  );
}

const mostNamed = 5;

/** `Deployment shop/web (3 pods), Job shop/once and 4 more`, those of most pods first. */
export function describeWorkloads(holders: readonly Holders[]): string {
  const counts = new Map<string, number>();
  for (const { workload } of holders.flatMap(({ pods }) => pods)) {
    const name = nameOfWorkload(workload);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  const named = sorted
    .slice(0, mostNamed)
    .map(([name, count]) => (count === 1 ? name : `${name} (${count} pods)`));
  const others = sorted.length - named.length;
  return `${named.join(", ")}${others > 0 ? ` and ${others} more` : ""}`;
}

/**
 * Refuses what would break the mesh for pods that run, and names them.
 *
 * @param running the anchors of the mesh that runs.
 */
export function* checkHolders(
  planned: PlannedAnchors,
  held: readonly Holders[],
  running: readonly ParsedCertificate[],
): Iterable<Finding> {
  const { signing, crossSigned } = planned;
  const word = crossSigned.length === 0 ? "with nobody to vouch for it" : "by the word of those before it";
  const refused = refusing(planned, held, running);
  if (refused.length > 0) {
    yield broken("signer-accepted", {
      field: "trustAnchor.signing",
      message: `Generation ${signing} is to sign, ${word}, and ${numberOf(refused)} would refuse all that it signs: ${describeHeld(refused)}`,
    });
  }
  const unknown = held.filter(({ anchors }) => anchors === undefined);
  if (unknown.length > 0 && acceptedBy(planned).length > 0) {
    yield broken("signer-accepted", {
      field: "trustAnchor.signing",
      message: `Generation ${signing} is to sign, ${word}. Whether ${numberOf(unknown)} would accept that is not known, of ${describeWorkloads(unknown)}: ${unknown[0]!.reason}.`,
    });
  }
}

/**
 * Refuses an issuer of someone else's that would break the mesh for pods that run, and names them.
 *
 * @param signer what has signed it, and by which setting.
 * @param following what stands behind the issuer, towards an anchor.
 */
export function* checkIssuerHolders(
  signer: { readonly name: string; readonly field: string },
  issuer: ParsedCertificate,
  following: readonly ParsedCertificate[],
  held: readonly Holders[],
  time: Date,
): Iterable<Finding> {
  const { name, field } = signer;
  const fix =
    "Restart these pods first (npm run -s rotate -- activate --restart, or kubectl rollout restart), and leave the issuer before as it is until then.";
  const refused = held.filter(
    ({ anchors }) =>
      anchors !== undefined && chainInProxy(issuer, following, anchors, time).reason !== undefined,
  );
  if (refused.length > 0) {
    yield broken("signer-accepted", {
      field,
      message: `${name} is to sign, and ${numberOf(refused)} would refuse all that it signs: ${describeHeld(refused)}`,
      fix,
    });
  }
  const unknown = held.filter(({ anchors }) => anchors === undefined);
  if (unknown.length > 0) {
    yield broken("signer-accepted", {
      field,
      message: `${name} is to sign. Whether ${numberOf(unknown)} would accept that is not known, of ${describeWorkloads(unknown)}: ${unknown[0]!.reason}.`,
      fix,
    });
  }
}

/** What these pods were started with, and whose they are, as the end of a sentence and another one. */
function describeHeld(holders: readonly Holders[]): string {
  const bundles = holders.map(({ anchors = [] }) => anchors.map(quotedName).join(", "));
  return `they were started with ${[...new Set(bundles)].join("; or ")}. They are of ${describeWorkloads(holders)}.`;
}

function numberOf(holders: readonly Holders[]): string {
  const count = holders.reduce((sum, { pods }) => sum + pods.length, 0);
  return countOf(count, "pod");
}
