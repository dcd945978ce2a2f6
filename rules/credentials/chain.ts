/** Which authorities a certificate leads to, by the names and signatures that Go goes by. */
import {
  isSameCertificate,
  isSignedBy,
  outsideValidity,
  type ParsedCertificate,
  quotedName,
} from "./certificate.ts";

/** A certificate, with whatever its place is told by. */
interface Link {
  readonly certificate: ParsedCertificate;
}

/** How an authority was reached. */
interface Step<Of> {
  /** The least number of steps to it. */
  readonly level: number;
  /** What it has signed on this way; absent for the start. */
  readonly below?: Of;
}

/**
 * Every authority that `start` leads to; the way ends at an anchor.
 *
 * Fewer steps are never worse for a path length, so no other way has to be looked at.
 *
 * @param isPassable whether a way may go on over an authority at that level. Defaults to always.
 */
export function authoritiesAbove<Of extends Link>(
  start: Of,
  intermediates: readonly Of[],
  anchors: readonly Of[],
  isPassable: (authority: Of, level: number) => boolean = () => true,
): ReadonlyMap<Of, Step<Of>> {
  const above = new Map<Of, Step<Of>>([[start, { level: 0 }]]);
  for (const [below, { level }] of above) {
    if (anchors.includes(below)) continue;
    for (const authority of [...intermediates, ...anchors]) {
      if (above.has(authority) || !isSignedBy(below.certificate, authority.certificate)) continue;
      if (isPassable(authority, level + 1)) above.set(authority, { level: level + 1, below });
    }
  }
  return above;
}

/** A chain from a certificate to a trust anchor, or why there is none. */
export type Chain =
  | { readonly chain: readonly ParsedCertificate[]; readonly reason?: never }
  | { readonly chain?: never; readonly reason: string };

/** The shortest chain of valid authorities from `certificate` over `intermediates` to one of `anchors`, as Go would verify it. */
export function chainToAnchor(
  certificate: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  anchors: readonly ParsedCertificate[],
  time: Date,
): Chain {
  return findChain(certificate, intermediates, anchors, time, time);
}

/** The same as a proxy would verify it: by an anchor's subject and key, whatever its end (rustls-webpki TrustAnchor). */
export function chainInProxy(
  certificate: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  anchors: readonly ParsedCertificate[],
  time: Date,
): Chain {
  return findChain(certificate, intermediates, anchors, time, undefined);
}

/** @param anchorTime when an anchor has to be valid; `undefined` if that does not matter. */
function findChain(
  certificate: ParsedCertificate,
  intermediates: readonly ParsedCertificate[],
  anchors: readonly ParsedCertificate[],
  time: Date,
  anchorTime: Date | undefined,
): Chain {
  const faults = new Set<string>();
  const isPassable = ({ certificate: authority }: Link, level: number) => {
    // The end of the chain counts as an authority only if it is one.
    const below = certificate.isCa ? level : level - 1;
    const fault = faultOf(authority, below, anchors.includes(authority) ? anchorTime : time);
    if (fault !== undefined) faults.add(`${quotedName(authority)} ${fault}`);
    return fault === undefined;
  };
  const links = (certificates: readonly ParsedCertificate[]) =>
    certificates.map((member) => ({ certificate: member }));
  const outside = outsideValidity(certificate, time);
  if (outside !== undefined) faults.add(`it ${outside}`);
  else if (anchors.some((anchor) => isSameCertificate(anchor, certificate))) return { chain: [certificate] };
  else {
    const trusted = links(anchors);
    const above = authoritiesAbove({ certificate }, links(intermediates), trusted, isPassable);
    // Of several, the nearest: the others vouch for it by cross certificates.
    let link = [...above.keys()].find((member) => trusted.includes(member));
    const chain: ParsedCertificate[] = [];
    for (; link !== undefined; link = above.get(link)?.below) chain.unshift(link.certificate);
    if (chain.length > 0) return { chain };
    const last = [...above.keys()].at(-1)!.certificate;
    if (faults.size === 0) faults.add(`no anchor or intermediate here signed ${quotedName(last)}`);
  }
  return { reason: `${quotedName(certificate)} leads to no trust anchor: ${[...faults].join("; ")}.` };
}

function faultOf(
  authority: ParsedCertificate,
  authoritiesBelow: number,
  time: Date | undefined,
): string | undefined {
  if (!authority.isCa || authority.maySignCertificates === false) return "may not sign certificates";
  const { pathLength = authoritiesBelow } = authority;
  if (pathLength < authoritiesBelow) return `allows ${pathLength} authorities below it (path length)`;
  return time && outsideValidity(authority, time);
}
