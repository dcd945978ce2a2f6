/** The bundle of trust anchors, and facts about each of them. */
import { createHash, X509Certificate } from "node:crypto";
import { decodePem, hasRemains } from "./pem.ts";

/**
 * Joins certificates in PEM into one bundle, in the given order.
 *
 * Linkerd is strict about the text: its identity controller refuses blank lines and text between or after the
 * certificates, and the hash with which meshed pods are compared with the control plane covers every byte. So the bundle
 * has Unix line ends, nothing but certificates, and no newline at its end, which is also how the chart writes it into
 * the ConfigMap `linkerd-identity-trust-roots`.
 *
 * @throws Error if a text has no certificate, or a damaged one, or anything else in PEM, such as a private key.
 */
export function joinBundle(certificates: readonly string[]): string {
  return certificates.flatMap(splitBundle).join("\n");
}

/**
 * The certificates of a bundle, each as {@link joinBundle} writes it. Indentation and blank lines do not matter.
 *
 * @throws Error as it does.
 */
export function splitBundle(pem: string): string[] {
  const lines = pem.split("\n").map((line) => line.trim());
  const { blocks, rest } = decodePem(lines.filter((line) => line !== "").join("\n"));
  if ([...blocks.map(({ skipped }) => skipped), rest].some(hasRemains))
    throw new Error("A trust anchor has a BEGIN or an END line whose block cannot be read.");
  if (blocks.length === 0)
    throw new Error("A trust anchor is not a certificate in PEM: it has no BEGIN and END lines.");
  return blocks.map(({ type, text }) => {
    if (type !== "CERTIFICATE")
      throw new Error(`A trust anchor holds a ${type}; only certificates belong there.`);
    return text.trimEnd();
  });
}

/** SHA-256 of a bundle's text, in hexadecimal digits. */
export function bundleSha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What identifies a certificate, and when it is valid. */
export interface CertificateFacts {
  /** SHA-256 of the certificate in DER, in upper-case hexadecimal pairs with colons, as OpenSSL prints it. */
  readonly fingerprintSha256: string;
  /** Start and end of its validity, as ISO 8601 in UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Reads the first certificate of a PEM text. */
export function certificateFacts(pem: string): CertificateFacts {
  const certificate = new X509Certificate(pem);
  return {
    fingerprintSha256: certificate.fingerprint256,
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
  };
}
