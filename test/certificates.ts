/** Certificates made for tests, as Linkerd's are: ECDSA P-256, a trust anchor, an issuer below it, leaves below that. */
import { type webcrypto, X509Certificate } from "node:crypto";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";

const p256 = { name: "ECDSA", namedCurve: "P-256" };
const hour = 3_600_000;

/** The time of the tests. */
export const now = new Date();

/** The time that many hours from {@link now}. */
export const hoursFromNow = (hours: number) => new Date(now.getTime() + hours * hour);

export interface Fabricated {
  readonly certificate: X509Certificate;
  readonly commonName: string;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
}

export interface Fabrication {
  readonly commonName: string;
  /** Default: itself. One that was not made here is named as its certificate says. */
  readonly signer?: Omit<Fabricated, "publicKey" | "commonName"> & { readonly commonName?: string };
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in two days. */
  readonly notAfter?: Date;
  /** Default: `SHA-256`. */
  readonly hash?: string;
}

export interface Authority extends Fabrication {
  readonly pathLength?: number;
  /** Default: new ones of P-256. */
  readonly keys?: Pick<Fabricated, "privateKey" | "publicKey">;
  /** Default: what makes an authority, and no more. */
  readonly extensions?: x509.Extension[];
}

/** As the rules look at it. */
export const parsed = (certificate: X509Certificate): ParsedCertificate => parseCertificate(certificate.raw);

/** Keys of an algorithm of Web Crypto. */
export function keysOf(
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams | { readonly name: "Ed25519" } = p256,
): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

/** What makes an authority of a certificate. */
export function authorityExtensions(pathLength?: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

/** A certificate that may sign others. */
export async function authority(fabrication: Authority): Promise<Fabricated> {
  const { commonName, pathLength, extensions = authorityExtensions(pathLength) } = fabrication;
  const { privateKey, publicKey } = fabrication.keys ?? (await keysOf());
  const certificate = await sign(fabrication, { privateKey, publicKey }, extensions);
  return { certificate, commonName, privateKey, publicKey };
}

/** A certificate for one DNS name, and for the given key where there is one. */
export async function leaf(
  fabrication: Fabrication & { readonly publicKey?: webcrypto.CryptoKey },
): Promise<X509Certificate> {
  const keys = await keysOf();
  const { publicKey = keys.publicKey } = fabrication;
  return sign(fabrication, { publicKey, privateKey: keys.privateKey }, [
    new x509.SubjectAlternativeNameExtension([{ type: "dns", value: fabrication.commonName }]),
  ]);
}

/** With the number that this program gives to the anchors that it makes, for one that is called like these. */
const nameOf = (commonName: string) =>
  /^root(-\d+)?\.linkerd\.[a-z.]+$/.test(commonName)
    ? `2.5.4.5=0123456789abcdef, CN=${commonName}`
    : `CN=${commonName}`;

const issuerNameOf = (signer: Fabrication["signer"]) =>
  signer !== undefined && signer.commonName === undefined
    ? new x509.X509Certificate(signer.certificate.raw).subjectName
    : undefined;

async function sign(
  {
    commonName,
    signer,
    notBefore = hoursFromNow(-1),
    notAfter = hoursFromNow(48),
    hash = "SHA-256",
  }: Fabrication,
  keys: webcrypto.CryptoKeyPair,
  extensions: x509.Extension[],
): Promise<X509Certificate> {
  const signingKey = signer?.privateKey ?? keys.privateKey;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: nameOf(commonName),
    issuer: issuerNameOf(signer) ?? nameOf(signer?.commonName ?? commonName),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: { ...signingKey.algorithm, hash },
    notBefore,
    notAfter,
    extensions,
  });
  return new X509Certificate(Buffer.from(certificate.rawData));
}
