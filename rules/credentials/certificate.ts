/** A certificate, as the rules for credentials look at it. */
import type { X509Certificate } from "node:crypto";

/**
 * A certificate with what node:crypto does not tell about it.
 *
 * Whoever reads certificates fills this in: the rules themselves need no library for X.509.
 */
export interface ParsedCertificate {
  readonly x509: X509Certificate;
  /** Names in DER, as hexadecimal digits: certificates are chained where these are equal, byte for byte. */
  readonly subjectDer: string;
  readonly issuerDer: string;
  /** Empty where it has none. */
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** Such as `P-256`, `RSA 2048` or `Ed25519`. */
  readonly publicKeyAlgorithm: string;
  /** Such as `ECDSA-SHA256`, `SHA256-RSA` or `SHA256-RSAPSS`, as Go names them; an object identifier where it is another. */
  readonly signatureAlgorithm: string;
  /** CA:TRUE in its basic constraints. */
  readonly isCa: boolean;
  /** Absent: without a limit. */
  readonly pathLength?: number;
  /** Whether its key may sign certificates; absent where it does not say what its key is for. */
  readonly maySignCertificates?: boolean;
  /** Object identifiers; absent where it does not limit the purposes of what is below it. */
  readonly extendedKeyUsages?: readonly string[];
  /** Object identifiers of the extensions that are none of the above, and may change what is valid below it. */
  readonly otherConstraints: readonly string[];
  /** Hexadecimal digits, as all that follow. */
  readonly subjectKeyIdentifier?: string;
  readonly serialNumber: string;
  /** What it says of the certificate that signed it: identifier of its key, its issuer's name in DER, its serial number. */
  readonly authorityKeyIdentifier?: string;
  readonly authorityIssuerDer?: string;
  readonly authoritySerialNumber?: string;
}

/** Reads a certificate in DER. Throws where it is none; what is thrown is not shown. */
export type ParseCertificate = (der: Buffer) => ParsedCertificate;

const longestName = 80;

/** The certificate's name in quotes. It comes from outside: control characters are escaped, and it is cut where long. */
export function quotedName({ commonName, x509 }: ParsedCertificate): string {
  const name = commonName || x509.subject?.replaceAll("\n", ", ") || "no name";
  return quoted(name);
}

/** A text from outside in quotes, fit for a terminal. */
export function quoted(text: string): string {
  const short = text.length > longestName ? `${text.slice(0, longestName)}…` : text;
  const escaped = (character: string) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
  return JSON.stringify(short).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
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

/** Whether `authority` signed it: by name and by signature, which is all that Go asks to find a certificate's issuer. */
export function isSignedBy(certificate: ParsedCertificate, authority: ParsedCertificate): boolean {
  if (certificate.issuerDer !== authority.subjectDer) return false;
  try {
    return certificate.x509.verify(authority.x509.publicKey);
  } catch {
    return false; // A key that OpenSSL cannot verify with has signed nothing.
  }
}
