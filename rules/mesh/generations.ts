/** The generations of a mesh's trust anchor: which are trusted, which signs, and who vouches for which. */
import { isSameAuthority, isSignedBy, type ParsedCertificate } from "../credentials/certificate.ts";
import { trustAnchorCommonName } from "../linkerdNames.ts";

/** One name and key that signs or has signed for the mesh. */
export interface Generation {
  /** Its number; absent for an anchor that this program has not named. */
  readonly number?: number | undefined;
  /** The root, or the cross certificate if the root itself is nowhere to be seen. */
  readonly certificate: ParsedCertificate;
  readonly isInBundle: boolean;
  /** Whether the identity issuer is below it. */
  readonly signs: boolean;
  /** Its cross certificates that are handed out, or are going to be: the same name and key, signed by another generation. */
  readonly vouchers: readonly Voucher[];
}

/** A cross certificate, and who has signed it. */
interface Voucher {
  readonly certificate: ParsedCertificate;
  /** Absent if that is nowhere to be seen. */
  readonly by?: ParsedCertificate | undefined;
}

/** Where the mesh's authorities are found. */
export interface Authorities {
  /** The anchors of the bundle. */
  readonly anchors: readonly ParsedCertificate[];
  /** The identity issuer, if there is one. */
  readonly issuer: ParsedCertificate | undefined;
  /** What stands beside it, and in the Secret that it is signed with: roots, cross certificates and intermediates. */
  readonly others: readonly ParsedCertificate[];
}

/** The number in the name that this program gives to an anchor that it makes. */
function generationNumber({ commonName }: ParsedCertificate): number | undefined {
  const number = Number(/^root(?:-([1-9]\d*))?\.linkerd\./.exec(commonName)?.[1] ?? 1);
  return commonName.startsWith(trustAnchorCommonName(number, "")) ? number : undefined;
}

/** Those of the bundle first, in its order. */
export function generationsOf({ anchors, issuer, others }: Authorities): readonly Generation[] {
  const crossed = others.filter(
    (one) =>
      isCross(one) &&
      (generationNumber(one) !== undefined || [...anchors, ...others].some((root) => isRootOf(root, one))),
  );
  const seen = [...anchors, ...others.filter((one) => isRoot(one)), ...crossed];
  return seen
    .filter((one, place) => !seen.slice(0, place).some((earlier) => isSameAuthority(earlier, one)))
    .map((certificate) => ({
      number: generationNumber(certificate),
      certificate,
      isInBundle: anchors.includes(certificate),
      signs: issuer !== undefined && isSignedBy(issuer, certificate),
      vouchers: crossed
        .filter((one, place) => isSameAuthority(one, certificate) && place === placeOf(crossed, one))
        .map((one) => ({
          certificate: one,
          by: seen.find((other) => !isCross(other) && isSignedBy(one, other)),
        })),
    }));
}

/** The generation of that name and key; `undefined` if the mesh has none, as of an anchor of another cluster's. */
export function generationOf(
  certificate: ParsedCertificate,
  generations: readonly Generation[],
): Generation | undefined {
  return generations.find((one) => isSameAuthority(one.certificate, certificate));
}

const isRoot = ({ isCa, subjectDer, issuerDer }: ParsedCertificate) => isCa && subjectDer === issuerDer;
const isCross = ({ isCa, subjectDer, issuerDer }: ParsedCertificate) => isCa && subjectDer !== issuerDer;
const isRootOf = (root: ParsedCertificate, cross: ParsedCertificate) =>
  isRoot(root) && isSameAuthority(root, cross);

/** The chain and the Secret hold the same certificate. */
const placeOf = (certificates: readonly ParsedCertificate[], { x509 }: ParsedCertificate) =>
  certificates.findIndex((one) => one.x509.raw.equals(x509.raw));
