/** A certificate as the rules for credentials see it. */
import type { X509Certificate } from "node:crypto";

/**
 * A certificate, with what node:crypto does not say about it.
 *
 * The reader of certificates fills this in: the rules themselves need no library for X.509.
 */
export interface ParsedCertificate {
  readonly x509: X509Certificate;
  /** Names in DER, as hexadecimal digits: certificates are chained if these are equal, byte for byte. */
  readonly subjectDer: string;
  readonly issuerDer: string;
  /** Empty if it has none. */
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** Such as `P-256`, `RSA 2048` or `Ed25519`. */
  readonly publicKeyAlgorithm: string;
  /** Such as `ECDSA-SHA256`, `SHA256-RSA` or `SHA256-RSAPSS`, as Go names them; any other is an object identifier. */
  readonly signatureAlgorithm: string;
  /** CA:TRUE in its basic constraints. */
  readonly isCa: boolean;
  /** `undefined` if there is no limit. */
  readonly pathLength: number | undefined;
  /** Whether its key may sign certificates; `undefined` if it does not say what its key is for. */
  readonly maySignCertificates: boolean | undefined;
  /** Object identifiers; `undefined` if it does not limit the purposes of what is below it. */
  readonly extendedKeyUsages: readonly string[] | undefined;
  /** Object identifiers of all other extensions that may change what is valid below it. */
  readonly otherConstraints: readonly string[];
  /** In hexadecimal digits, as all that follow. */
  readonly subjectKeyIdentifier: string | undefined;
  readonly serialNumber: string;
  /** What it says of the certificate that signed it: identifier of its key, its issuer's name in DER, its serial number. */
  readonly authorityKeyIdentifier: string | undefined;
  readonly authorityIssuerDer: string | undefined;
  readonly authoritySerialNumber: string | undefined;
}

/** Reads a certificate in DER. Throws if it is not one. */
export type ParseCertificate = (der: Buffer) => ParsedCertificate;

const longestName = 80;

export function quotedName({ commonName, x509 }: ParsedCertificate): string {
  return quoted(commonName || x509.subject?.replaceAll("\n", ", ") || "no name");
}

/** A text from outside in quotes, cut if it is long. A finding escapes what a terminal would obey. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > longestName ? `${text.slice(0, longestName)}…` : text);
}

/** Says how `time` lies outside the certificate's validity; `undefined` if it lies within. */
export function outsideValidity({ x509 }: ParsedCertificate, time: Date): string | undefined {
  const { validFromDate, validToDate } = x509;
  if (time < validFromDate) return `is not valid before ${validFromDate.toISOString()}`;
  return time > validToDate ? `expired at ${validToDate.toISOString()}` : undefined;
}

export function isSameCertificate(one: ParsedCertificate, other: ParsedCertificate): boolean {
  return one.x509.raw.equals(other.x509.raw);
}

/**
 * Whether two certificates are of one authority: with the same subject and key, what one of them has signed is signed by
 * the other as well. A root that is renewed is one, and so is a root's cross certificate, which another root signed.
 */
export function isSameAuthority(one: ParsedCertificate, other: ParsedCertificate): boolean {
  return one.subjectDer === other.subjectDer && one.x509.publicKey.equals(other.x509.publicKey);
}

/** Whether `authority` signed it, by name and by signature: Go finds a certificate's issuer by nothing else. */
export function isSignedBy(certificate: ParsedCertificate, authority: ParsedCertificate): boolean {
  if (certificate.issuerDer !== authority.subjectDer) return false;
  try {
    return certificate.x509.verify(authority.x509.publicKey);
  } catch {
    return false; // OpenSSL cannot verify with this key, so it has signed nothing.
  }
}
