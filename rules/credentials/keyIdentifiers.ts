/** What a certificate says of the one that signed it: OpenSSL does not chain two of which it is not true. */
import type { ParsedCertificate } from "./certificate.ts";

interface Difference {
  /** What is different, in words. */
  readonly what: string;
  /** As the certificate has it. */
  readonly named: string;
  /** As its signer has it. */
  readonly own: string;
}

/** The first thing that a certificate says about its signer and that is not so; what either leaves out is not compared. */
export function identifierDifference(
  certificate: ParsedCertificate,
  signer: ParsedCertificate,
): Difference | undefined {
  const { authorityKeyIdentifier, authoritySerialNumber, authorityIssuerDer } = certificate;
  const { subjectKeyIdentifier, serialNumber, issuerDer } = signer;
  for (const [what, named, own] of [
    ["the identifier of the key", authorityKeyIdentifier, authorityKeyIdentifier && subjectKeyIdentifier],
    ["the serial number of the certificate", authoritySerialNumber, serialNumber],
    ["the issuer of the certificate", authorityIssuerDer, issuerDer],
  ] as const) {
    if (named !== undefined && own !== undefined && named !== own) return { what, named, own };
  }
  return undefined;
}
