/** Whether the generations of a trust anchor vouch for each other: what proxies make of the issuer that trust only one. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { called } from "./authority.ts";
import { isSameAuthority, isSameCertificate, type ParsedCertificate, quotedName } from "./certificate.ts";
import { firstWay } from "./firstWay.ts";
import type { Member } from "./pemText.ts";

/** An issuer, what follows it, and the anchors of its mesh, once each. */
interface Chain {
  readonly issuer: Member;
  readonly following: readonly Member[];
  readonly anchors: readonly Member[];
}

/** What proxies make of an issuer that still trust only one of the anchors. */
export interface Vouching {
  /** Warnings: who refuses it. */
  readonly findings: readonly Finding[];
  /** Who accepts it thanks to a cross certificate, as sentences. */
  readonly notes: readonly string[];
}

/** Those that follow an issuer and have the subject and key of another certificate here, but did not sign themselves. */
export function crossCertificates({ following, anchors }: Omit<Chain, "issuer">): Member[] {
  const all = [...following, ...anchors];
  const isTwin = (one: ParsedCertificate, other: ParsedCertificate) =>
    !isSameCertificate(one, other) && isSameAuthority(one, other);
  return following.filter(
    ({ certificate }) =>
      certificate.issuerDer !== certificate.subjectDer &&
      all.some((other) => isTwin(certificate, other.certificate)),
  );
}

/**
 * Warns of anchors that are older than the one that signs, if proxies that trust only them refuse the issuer. Nobody
 * trusts only a newer one before it signs.
 */
export function checkVouching({ issuer, following, anchors }: Chain): Vouching {
  const crosses = crossCertificates({ following, anchors });
  const ways = anchors.map((anchor) => {
    const way = firstWay(issuer, following, [anchor]);
    const isAccepted = way.at(-1) === anchor && way.every(hasRoom);
    return { anchor, isAccepted, cross: way.find((member) => crosses.includes(member)) };
  });
  const signers = ways.flatMap(({ anchor, isAccepted, cross }) => (isAccepted && !cross ? anchor : []));
  const [signer] = signers.sort((one, other) => beginOf(other) - beginOf(one));
  return {
    findings: ways.flatMap(({ anchor, isAccepted }) => {
      if (isAccepted || signer === undefined || beginOf(anchor) >= beginOf(signer)) return [];
      return broken("anchors-vouch", {
        field: anchor.field,
        message: `${called(anchor)} is older than ${quotedName(signer.certificate)}, which signs the issuer, and no cross certificate leads to it: proxies that trust only the older one refuse all that have a certificate of this issuer.`,
      });
    }),
    notes: ways.flatMap(({ anchor, isAccepted, cross }) =>
      isAccepted && cross !== undefined
        ? `Proxies that trust only ${quotedName(anchor.certificate)} accept this issuer as well: the cross certificate of ${quotedName(cross.certificate)} leads there.`
        : [],
    ),
  };
}

const beginOf = ({ certificate }: Member) => certificate.x509.validFromDate.getTime();

/** Whether its path length allows so many authorities below it; the issuer's own is about leaves. */
function hasRoom({ certificate: { pathLength } }: Member, authoritiesBelow: number): boolean {
  return authoritiesBelow === 0 || pathLength === undefined || authoritiesBelow <= pathLength;
}
