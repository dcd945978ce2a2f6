/**
 * Rules for a cross certificate that is given: the subject and key of a generation's root, signed by the root of the
 * generation before, so that whoever trusts only that one accepts what the new root signs.
 */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { called, checkAuthority } from "./authority.ts";
import { isSameAuthority, isSignedBy, type ParsedCertificate, quotedName } from "./certificate.ts";
import { checkChainEnd } from "./chainEnd.ts";
import { identifierDifference } from "./keyIdentifiers.ts";
import type { Member } from "./pemText.ts";

/** Whom a cross certificate is for, and for how long. */
export interface Vouched {
  /** The root that it vouches for. */
  readonly root: ParsedCertificate;
  /** The root of the generation before. */
  readonly signer: ParsedCertificate;
  /** End of the issuer that it is going to follow. */
  readonly issuerEnd: Date;
  readonly now: Date;
}

/** Checks a cross certificate before it gets into a mesh. */
export function checkCrossCertificate(cross: Member, vouched: Vouched): Finding[] {
  const { root, signer, issuerEnd, now } = vouched;
  return [
    ...checkAuthority(cross, "intermediate", now),
    ...checkRoot(cross, root),
    ...checkSigner(cross, signer),
    ...checkPathLength(cross, "it", cross.certificate, 1),
    ...checkPathLength(cross, `${quotedName(signer)}, which is to vouch with it,`, signer, 2),
    ...checkChainEnd(issuerEnd, [cross], now),
  ];
}

function* checkRoot(cross: Member, root: ParsedCertificate): Iterable<Finding> {
  const { field, certificate } = cross;
  const fault = (what: string) =>
    broken("cross-certificate-root", { field, message: `${called(cross)} ${what}.` });
  const [own, roots] = [certificate.subjectKeyIdentifier, root.subjectKeyIdentifier];
  if (!isSameAuthority(certificate, root)) {
    const part = certificate.subjectDer === root.subjectDer ? "key" : "subject";
    yield fault(`has another ${part} than the root that it is given for, ${quotedName(root)}`);
  } else if (own !== undefined && roots !== undefined && own !== roots) {
    yield fault(
      `names its key ${own}; the root that it is given for, ${quotedName(root)}, names it ${roots}`,
    );
  }
}

function* checkSigner(cross: Member, signer: ParsedCertificate): Iterable<Finding> {
  const { field, certificate } = cross;
  if (!isSignedBy(certificate, signer)) {
    const isRoot = isSignedBy(certificate, certificate);
    yield broken("cross-certificate-signer", {
      field,
      message: `${called(cross)} is signed by ${isRoot ? "its own key" : "someone else"}, not by the root of the generation before, ${quotedName(signer)}.`,
    });
    return;
  }
  const difference = identifierDifference(certificate, signer);
  if (difference === undefined) return;
  yield broken("chain-key-identifiers", {
    field,
    message: `${called(cross)} names ${difference.named} as ${difference.what} that signed it; ${quotedName(signer)}, which did sign it, has ${difference.own}.`,
  });
}

function* checkPathLength(
  cross: Member,
  name: string,
  { pathLength = Number.POSITIVE_INFINITY }: ParsedCertificate,
  needed: number,
): Iterable<Finding> {
  if (pathLength >= needed) return;
  yield broken("path-length", {
    field: cross.field,
    message: `${called(cross)} is of no use: ${name} allows ${pathLength} authorities below it (path length), and there must be ${needed}.`,
  });
}
