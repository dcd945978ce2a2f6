/** Which certificates of its bundle a proxy takes for anchors: it skips the others, says so in its log, and runs without them. */
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { X509Certificate } from "@peculiar/x509";
import type { ParsedCertificate } from "../credentials/certificate.ts";

/** The extensions that rustls-webpki knows: a certificate with another one that is critical is none to it. */
const known = new Set([
  "2.5.29.15", // key usage
  "2.5.29.17", // subject alternative name
  "2.5.29.19", // basic constraints
  "2.5.29.30", // name constraints
  "2.5.29.31", // CRL distribution points
  "2.5.29.37", // extended key usage
]);

export function isProxyAnchor({ x509 }: ParsedCertificate): boolean {
  const { extensions } = new X509Certificate(x509.raw);
  return Array.from(extensions).every(({ type, critical }) => !critical || known.has(type));
}
