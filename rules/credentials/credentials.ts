/** Rules for a mesh's credentials together: whether trust anchors, issuer and key fit each other, and how long they will. */

import type { Finding } from "../finding.ts";
import { durationMilliseconds } from "../lifetimes/duration.ts";
import { broken } from "../rules.ts";
import { defaults } from "../settings/defaults.ts";
import { called, checkAuthority } from "./authority.ts";
import {
  isSameAuthority,
  isSameCertificate,
  isSignedBy,
  type ParseCertificate,
  quoted,
  quotedName,
} from "./certificate.ts";
import { authoritiesAbove } from "./chain.ts";
import { checkChainEnd, warnOfCrossCertificateEnd } from "./chainEnd.ts";
import { firstWay } from "./firstWay.ts";
import { identifierDifference } from "./keyIdentifiers.ts";
import { type Member, type PemText, readCertificates } from "./pemText.ts";
import { checkKey } from "./privateKey.ts";
import { checkVouching, crossCertificates, type Vouching } from "./vouching.ts";

/** What Linkerd's identity controller is given. */
export interface Credentials {
  /** The trust anchors. */
  readonly bundle: PemText;
  /** The issuer's certificate, and what follows it towards an anchor; absent if only the anchors are looked at. */
  readonly issuer?: PemText;
  /** The issuer's private key; absent if only its certificates are looked at. */
  readonly key?: PemText;
}

/** What the credentials are for. Durations are written as in Go: `24h`, `20s`. */
export interface Purpose {
  /** The trust domain, such as `cluster.local`. */
  readonly trustDomain: string;
  /** How long a proxy's certificate lasts. */
  readonly issuanceLifetime: string;
  /** By how much the clocks of the cluster may differ. */
  readonly clockSkewAllowance: string;
  /** How early the end of an anchor is warned of. Defaults to half a year. */
  readonly warnBefore?: string | undefined;
  /** The time at which the credentials must be valid. */
  readonly now: Date;
}

/** What Linkerd itself takes for granted. */
export const defaultPurpose: Omit<Purpose, "now"> = {
  trustDomain: defaults.clusterDomain,
  issuanceLifetime: defaults.identityIssuer.issuanceLifetime,
  clockSkewAllowance: defaults.identityIssuer.clockSkewAllowance,
};

/**
 * Everything about the credentials that would make Linkerd fail, now or later.
 *
 * @throws RangeError if one of the purpose's durations cannot be parsed.
 */
export function checkCredentials(
  credentials: Credentials,
  purpose: Purpose,
  parse: ParseCertificate,
): Finding[] {
  const { bundle, chain, issuer, following } = read(credentials, parse);
  const isComplete = [...bundle.findings, ...chain.findings].every(
    ({ rule }) => rule !== "certificate-readable",
  );
  return [
    ...bundle.findings,
    ...chain.findings,
    ...checkMembers({ anchors: bundle.members, issuer, following, isComplete }, purpose),
    ...(credentials.key === undefined
      ? []
      : checkKey(credentials.key, issuer, [...following, ...withoutDuplicates(bundle.members)])),
  ];
}

/** Whether the anchors vouch for each other, of credentials that are sound otherwise. */
export function checkGenerations(credentials: Credentials, parse: ParseCertificate): Vouching {
  const { bundle, issuer, following } = read(credentials, parse);
  if (issuer === undefined) return { findings: [], notes: [] };
  return checkVouching({ issuer, following, anchors: withoutDuplicates(bundle.members) });
}

function read({ bundle, issuer: issuerText }: Credentials, parse: ParseCertificate) {
  const chain =
    issuerText === undefined ? { members: [], findings: [] } : readCertificates(issuerText, parse);
  const issuer = chain.members.find(({ place }) => place === 1);
  const following = chain.members.filter((member) => member !== issuer);
  return { bundle: readCertificates(bundle, parse), chain, issuer, following };
}

/** Certificates that have been read. */
export interface Members extends Pick<Chain, "following" | "isComplete"> {
  readonly anchors: readonly Member[];
  readonly issuer: Member | undefined;
}

/** The same of certificates that have been read, or that do not exist yet. */
export function checkMembers(
  { issuer, following, isComplete, ...members }: Members,
  purpose: Purpose,
): Finding[] {
  const anchors = withoutDuplicates(members.anchors);
  // An anchor that follows the issuer does no harm, and is checked with the bundle.
  const intermediates = withoutDuplicates(following).filter((member) => !includes(anchors, member));
  return [
    ...anchors.flatMap((anchor) => checkAuthority(anchor, "anchor", purpose.now, purpose.warnBefore)),
    ...checkAnchorSubjects(anchors, issuer),
    ...(issuer === undefined ? [] : checkAuthority(issuer, "issuer", purpose.now)),
    ...intermediates.flatMap((member) => checkAuthority(member, "intermediate", purpose.now)),
    ...(issuer === undefined || anchors.length === 0
      ? []
      : checkIssuer({ issuer, following, intermediates, anchors, isComplete }, purpose)),
    ...checkNames(anchors, issuer, purpose.trustDomain),
  ];
}

interface Chain {
  readonly issuer: Member;
  /** The certificates after the issuer, in their order. */
  readonly following: readonly Member[];
  /** Those of them that are not anchors, once each. */
  readonly intermediates: readonly Member[];
  readonly anchors: readonly Member[];
  /** Whether all of them could be read. */
  readonly isComplete: boolean;
}

const includes = (members: readonly Member[], member: Member) =>
  members.some(({ certificate }) => isSameCertificate(certificate, member.certificate));

function withoutDuplicates(members: readonly Member[]): Member[] {
  return members.filter((member, index) => !includes(members.slice(0, index), member));
}

function checkAnchorSubjects(anchors: readonly Member[], issuer: Member | undefined): Finding[] {
  return anchors.flatMap((anchor, index) => {
    const { subjectDer, x509, subjectKeyIdentifier } = anchor.certificate;
    const twin = anchors.slice(0, index).find(({ certificate }) => {
      const isAnotherKey = !certificate.x509.publicKey.equals(x509.publicKey);
      const canBeToldApart =
        certificate.subjectKeyIdentifier !== undefined &&
        subjectKeyIdentifier !== undefined &&
        issuer?.certificate.authorityKeyIdentifier !== undefined;
      return certificate.subjectDer === subjectDer && isAnotherKey && !canBeToldApart;
    });
    if (twin === undefined) return [];
    return broken("distinct-anchors", {
      field: anchor.field,
      message: `Certificates ${twin.place} and ${anchor.place} have the same subject, ${quotedName(anchor.certificate)}, but different keys, and no key identifiers to tell them apart.`,
    });
  });
}

function checkIssuer(chain: Chain, purpose: Purpose): Finding[] {
  const { issuer, intermediates, anchors } = chain;
  const above = authoritiesAbove(issuer, intermediates, anchors);
  const levels = new Map([...above].map(([member, { level }]) => [member, level]));
  const signers = anchors.filter((anchor) => levels.has(anchor));
  const identifiers = checkKeyIdentifiers([...levels.keys()]);
  const way = firstWay(issuer, intermediates, anchors);
  const isDeadEnd = signers.length > 0 && identifiers.length === 0 && !anchors.includes(way.at(-1)!);
  // It may be longer than it has to be.
  for (const [level, member] of way.entries()) levels.set(member, Math.max(level, levels.get(member) ?? 0));
  return [
    ...checkIssuerSubjects(chain),
    // An issuer that is itself an anchor is already refused for its subject.
    ...(chain.isComplete && signers.length === 0 && !includes(anchors, issuer) ? [noChain(chain)] : []),
    ...checkOrder(chain),
    ...identifiers,
    ...(isDeadEnd ? [deadEnd(issuer, way.at(-1)!)] : []),
    ...checkPathLengths(chain, levels),
    ...checkLifetimes(issuer, signers, purpose),
    ...checkChainEnd(issuer.certificate.x509.validToDate, chain.following, purpose.now),
    ...warnOfCrossCertificateEnd(crossCertificates(chain), purpose.now, purpose.warnBefore),
  ];
}

/** Several certificates of one authority are no harm above the issuer: one of them is a cross certificate. */
function checkIssuerSubjects({ issuer, intermediates, anchors }: Chain): Finding[] {
  const below = [issuer, ...intermediates];
  return below.flatMap((member, index) => {
    const twin = [...below.slice(index + 1), ...anchors].find(
      ({ certificate }) =>
        certificate.subjectDer === member.certificate.subjectDer &&
        (member === issuer || !isSameAuthority(certificate, member.certificate)),
    );
    if (twin === undefined) return [];
    return broken("distinct-issuer", {
      field: member.field,
      message: `${called(member)} and certificate ${twin.place} of ${twin.field} have the same subject, so nothing tells which of them signed a certificate.`,
    });
  });
}

function deadEnd(issuer: Member, last: Member): Finding {
  return broken("chain-dead-end", {
    field: issuer.field,
    message: `${called(last)} leads to no trust anchor, and whoever takes the first certificate that fits gets there from the issuer; there is another way.`,
  });
}

function noChain({ issuer, anchors, intermediates }: Chain): Finding {
  const namesake = [...intermediates, ...anchors].find(
    ({ certificate }) => certificate.subjectDer === issuer.certificate.issuerDer,
  );
  const signer = issuer.certificate.x509.issuer?.replaceAll("\n", ", ") || "nobody";
  return broken("chain", {
    field: issuer.field,
    message:
      `${called(issuer)} leads to no trust anchor: it names ${quoted(signer)} as its issuer` +
      (namesake === undefined
        ? ", and no certificate here has this subject."
        : isSignedBy(issuer.certificate, namesake.certificate)
          ? `, certificate ${namesake.place} of ${namesake.field}, which leads no further.`
          : `, but the key of certificate ${namesake.place} of ${namesake.field}, which has this subject, did not sign it.`),
    fix: `Add the anchor that signed it to ${anchors[0]!.field}, or have one of those sign it; intermediates follow the issuer in ${issuer.field}.`,
  });
}

function* checkOrder({ issuer, following }: Chain): Iterable<Finding> {
  const members = [issuer, ...following];
  const wrong = following.find(
    ({ certificate }, index) => !isSignedBy(members[index]!.certificate, certificate),
  );
  if (wrong === undefined) return;
  yield broken("chain-order", {
    field: issuer.field,
    message: `${called(wrong)} did not sign the certificate before it.`,
  });
}

/** Checks the issuer and everything that it leads to; a root names itself. */
function checkKeyIdentifiers(members: readonly Member[]): Finding[] {
  return members.flatMap((member) => {
    const { certificate } = member;
    const signers = members.filter((other) => isSignedBy(certificate, other.certificate));
    const [signer] = signers;
    if (signer === undefined) return [];
    const differences = signers.map((other) => identifierDifference(certificate, other.certificate));
    const [difference] = differences;
    if (difference === undefined || differences.includes(undefined)) return [];
    return broken("chain-key-identifiers", {
      field: member.field,
      message: `${called(member)} names ${difference.named} as ${difference.what} that signed it; certificate ${signer.place} of ${signer.field}, which did sign it, has ${difference.own}.`,
    });
  });
}

function checkPathLengths({ intermediates, anchors }: Chain, levels: ReadonlyMap<Member, number>): Finding[] {
  return [...intermediates, ...anchors].flatMap((member) => {
    const { pathLength } = member.certificate;
    // An anchor that signed none of these will sign an issuer some day.
    const needed = levels.get(member) ?? (anchors.includes(member) ? 1 : 0);
    if (pathLength === undefined || pathLength >= needed) return [];
    return broken("path-length", {
      field: member.field,
      message: `${called(member)} allows ${pathLength} authorities below it (path length), and there must be ${needed}: every proxy's certificate would be invalid.`,
      fix: `Issue it again without a path length, or with at least ${needed}; the issuer's own may be 0.`,
    });
  });
}

function* checkLifetimes(issuer: Member, signers: readonly Member[], purpose: Purpose): Iterable<Finding> {
  const { issuanceLifetime, clockSkewAllowance, now } = purpose;
  const issuance = durationMilliseconds(issuanceLifetime);
  const skew = durationMilliseconds(clockSkewAllowance);
  const issuerEnd = issuer.certificate.x509.validToDate;
  const lasting = signers.toSorted((one, other) => end(other) - end(one))[0];
  if (lasting !== undefined && end(lasting) <= issuerEnd.getTime() + issuance) {
    yield broken("anchor-outlives-issuer", {
      field: lasting.field,
      message: `${called(lasting)} expires at ${new Date(end(lasting)).toISOString()}; it must outlive the issuer, which expires at ${issuerEnd.toISOString()}, by more than a proxy's certificate lasts (${issuanceLifetime}).`,
    });
  }
  const left = issuerEnd.getTime() - now.getTime();
  if (left >= 0 && left <= issuance + skew) {
    yield broken("issuer-outlives-leaves", {
      field: issuer.field,
      message: `${called(issuer)} expires at ${issuerEnd.toISOString()}, and the time is ${now.toISOString()}: the rest is no longer than a proxy's certificate (${issuanceLifetime}) and the clock skew (${clockSkewAllowance}) together, so certificates are cut short.`,
    });
  }
}

const end = ({ certificate }: Member) => certificate.x509.validToDate.getTime();
function* checkNames(
  anchors: readonly Member[],
  issuer: Member | undefined,
  trustDomain: string,
): Iterable<Finding> {
  for (const anchor of anchors) {
    // An anchor may have any name; one like Linkerd's own says which trust domain it is for.
    const [, domain = trustDomain] = /^root\.[^.]+\.(.+)$/.exec(anchor.certificate.commonName) ?? [];
    if (domain !== trustDomain) yield otherDomain(anchor, `root.linkerd.${trustDomain}`, trustDomain);
  }
  if (issuer === undefined) return;
  const { commonName, dnsNames } = issuer.certificate;
  const isNamed = (name: string) => name.startsWith("identity.") && name.endsWith(`.${trustDomain}`);
  if (![commonName, ...dnsNames].some(isNamed)) {
    yield otherDomain(issuer, `identity.linkerd.${trustDomain}`, trustDomain);
  }
}

function otherDomain(member: Member, expected: string, trustDomain: string): Finding {
  return broken("trust-domain", {
    field: member.field,
    message: `${called(member)} is not named after the trust domain ${trustDomain}, like ${expected}, so it may belong to another mesh.`,
  });
}
