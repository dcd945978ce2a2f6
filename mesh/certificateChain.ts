/** Whether one certificate leads to another that is trusted. */
import { X509Certificate } from "node:crypto";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { BasicConstraintsExtension, X509Certificate as ParsedCertificate } from "@peculiar/x509";

/**
 * The chain from `certificate` over `intermediates` to one of `anchors`, each member issued and signed by the next.
 *
 * @throws with the reason, where no such chain is valid at `time`.
 */
export function chainToAnchor(
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  time: Date,
): readonly X509Certificate[] {
  const reasons = new Set<string>();
  // `authorities` counts those between the end of the chain and the issuer that is looked for.
  const climb = (
    from: X509Certificate,
    remaining: readonly X509Certificate[],
    authorities: number,
  ): X509Certificate[] | undefined => {
    const outside = outsideValidity(from, time);
    if (outside !== undefined) {
      reasons.add(`${commonName(from)} ${outside}`);
      return undefined;
    }
    if (anchors.some((anchor) => anchor.raw.equals(from.raw))) return [from];
    const others = remaining.filter((other) => !other.raw.equals(from.raw));
    const issuers = [...anchors, ...others].filter((issuer) => issued(issuer, from));
    if (issuers.length === 0) reasons.add(`no trust anchor or intermediate here signed ${commonName(from)}`);
    for (const issuer of issuers) {
      if (pathLength(issuer) < authorities) {
        reasons.add(`${commonName(issuer)} allows fewer authorities below it (path length)`);
        continue;
      }
      const rest = climb(issuer, others, authorities + 1);
      if (rest !== undefined) return [from, ...rest];
    }
    return undefined;
  };
  const chain = climb(certificate, intermediates, certificate.ca ? 1 : 0);
  if (chain === undefined) {
    throw new Error(`${commonName(certificate)} leads to no trust anchor: ${[...reasons].join("; ")}.`);
  }
  return chain;
}

/** Whether {@link chainToAnchor} finds a chain. */
export function leadsToAnchor(...chain: Parameters<typeof chainToAnchor>): boolean {
  try {
    chainToAnchor(...chain);
    return true;
  } catch {
    return false;
  }
}

/** Says how `time` lies outside the certificate's validity; `undefined` where it lies within. */
export function outsideValidity(certificate: X509Certificate, time: Date): string | undefined {
  if (time < certificate.validFromDate) {
    return `is not valid before ${certificate.validFromDate.toISOString()}`;
  }
  if (time > certificate.validToDate) return `expired at ${certificate.validToDate.toISOString()}`;
  return undefined;
}

/** The certificates of a PEM bundle, in its order. Text around them is ignored. */
export function parseBundle(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** The subject's common name, or its whole subject where it has none. */
export function commonName({ subject }: X509Certificate): string {
  return /^CN=(.+)$/m.exec(subject ?? "")?.[1] ?? subject ?? "a certificate without subject";
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function pathLength(authority: X509Certificate): number {
  const constraints = new ParsedCertificate(authority.raw).getExtension(BasicConstraintsExtension);
  return constraints?.pathLength ?? Number.POSITIVE_INFINITY;
}
