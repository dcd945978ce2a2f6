/** The identity issuer that cert-manager is going to make, as far as the rules look at it: it has no key and no signature yet. */
import type { X509Certificate } from "node:crypto";
import type { ParsedCertificate } from "./certificate.ts";

/** What a Certificate says of it. */
export interface ProspectiveIssuer {
  readonly commonName: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** The anchor that is going to sign it; absent if that is not known. */
  readonly signer: ParsedCertificate | undefined;
}

/** @param anchors those of its mesh. */
export function prospectiveIssuer(
  { commonName, validFrom, validTo, signer }: ProspectiveIssuer,
  anchors: readonly ParsedCertificate[],
): ParsedCertificate {
  const subject = `CN=${commonName}`;
  const x509: Partial<X509Certificate> = {
    raw: Buffer.from(subject),
    subject,
    validFromDate: validFrom,
    validToDate: validTo,
    verify: (key) => signer?.x509.publicKey.equals(key) === true,
  };
  return {
    x509: x509 as X509Certificate,
    // The same name can be written in several types of text, which not everyone tells apart.
    subjectDer: anchors.find((anchor) => anchor.x509.subject === subject)?.subjectDer ?? subject,
    issuerDer: signer?.subjectDer ?? "",
    commonName,
    dnsNames: [commonName],
    publicKeyAlgorithm: "P-256",
    signatureAlgorithm: "ECDSA-SHA256",
    isCa: true,
    pathLength: undefined,
    maySignCertificates: true,
    extendedKeyUsages: undefined,
    otherConstraints: [],
    subjectKeyIdentifier: undefined,
    serialNumber: "",
    // Whoever signs names its own key, if that has an identifier; nothing is held against one who is not known.
    authorityKeyIdentifier: signer === undefined ? "" : signer.subjectKeyIdentifier,
    authorityIssuerDer: undefined,
    authoritySerialNumber: undefined,
  };
}
