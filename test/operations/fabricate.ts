/** Certificates made for tests, as Linkerd's are: ECDSA P-256, a trust anchor, an issuer below it, leaves below that. */
import { type webcrypto, X509Certificate } from "node:crypto";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const hour = 3_600_000;

/** The time of the tests. */
export const now = new Date();

/** The time that many hours from {@link now}. */
export const hoursFromNow = (hours: number) => new Date(now.getTime() + hours * hour);

export interface Fabricated {
  readonly certificate: X509Certificate;
  readonly commonName: string;
  readonly privateKey: webcrypto.CryptoKey;
}

export interface Fabrication {
  readonly commonName: string;
  /** Default: itself. */
  readonly signer?: Fabricated;
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in two days. */
  readonly notAfter?: Date;
}

/** A certificate that may sign others. */
export async function authority(
  fabrication: Fabrication & { readonly pathLength?: number },
): Promise<Fabricated> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await sign(fabrication, keys, [
    new x509.BasicConstraintsExtension(true, fabrication.pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ]);
  return { certificate, commonName: fabrication.commonName, privateKey: keys.privateKey };
}

/** A certificate for one DNS name, and for the given key where there is one. */
export async function leaf(
  fabrication: Fabrication & { readonly publicKey?: webcrypto.CryptoKey },
): Promise<X509Certificate> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { publicKey = keys.publicKey } = fabrication;
  return sign(fabrication, { publicKey, privateKey: keys.privateKey }, [
    new x509.SubjectAlternativeNameExtension([{ type: "dns", value: fabrication.commonName }]),
  ]);
}

async function sign(
  { commonName, signer, notBefore = hoursFromNow(-1), notAfter = hoursFromNow(48) }: Fabrication,
  keys: webcrypto.CryptoKeyPair,
  extensions: x509.Extension[],
): Promise<X509Certificate> {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${commonName}`,
    issuer: `CN=${signer?.commonName ?? commonName}`,
    publicKey: keys.publicKey,
    signingKey: signer?.privateKey ?? keys.privateKey,
    signingAlgorithm: algorithm,
    notBefore,
    notAfter,
    extensions,
  });
  return new X509Certificate(Buffer.from(certificate.rawData));
}
