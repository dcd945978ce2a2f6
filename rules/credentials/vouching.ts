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

/** What proxies that trust only `anchor` make of the issuer. */
interface Vouching {
  readonly anchor: Member;
  readonly isAccepted: boolean;
  /** The cross certificate that leads there; absent if there is none on the way. */
  readonly cross: Member | undefined;
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

function vouchings(chain: Chain): Vouching[] {
  const { issuer, following, anchors } = chain;
  const crosses = crossCertificates(chain);
  return anchors.map((anchor) => {
    const way = firstWay(issuer, following, [anchor]);
    const hasRoom = ({ certificate: { pathLength = Number.POSITIVE_INFINITY } }: Member, level: number) =>
      level === 0 || level <= pathLength;
    return {
      anchor,
      isAccepted: way.at(-1) === anchor && way.every(hasRoom),
      cross: way.find((member) => crosses.includes(member)),
    };
  });
}

/**
 * Warns of anchors that are older than the one that signs, if proxies that trust only them refuse the issuer. Nobody
 * trusts only a newer one before it signs.
 */
export function checkVouching(chain: Chain): Finding[] {
  const all = vouchings(chain);
  const signing = all.filter(({ isAccepted, cross }) => isAccepted && cross === undefined);
  const newest = Math.max(...signing.map(({ anchor }) => beginOf(anchor)));
  return all.flatMap(({ anchor, isAccepted }) => {
    if (isAccepted || beginOf(anchor) >= newest) return [];
    const signer = signing.find((one) => beginOf(one.anchor) === newest)!.anchor;
    return broken("anchors-vouch", {
      field: anchor.field,
      message: `${called(anchor)} is older than ${quotedName(signer.certificate)}, which signs the issuer, and no cross certificate leads to it: proxies that trust only the older one refuse all that have a certificate of this issuer.`,
    });
  });
}

const beginOf = ({ certificate }: Member) => certificate.x509.validFromDate.getTime();

/** Who accepts the issuer thanks to a cross certificate, as sentences. */
export function describeVouching(chain: Chain): string[] {
  return vouchings(chain).flatMap(({ anchor, isAccepted, cross }) =>
    isAccepted && cross !== undefined
      ? `Proxies that trust only ${quotedName(anchor.certificate)} accept this issuer as well: the cross certificate of ${quotedName(cross.certificate)} leads there.`
      : [],
  );
}
