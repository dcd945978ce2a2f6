/** Reads certificates with all that the rules need: node:crypto has no path length, usages or key identifiers. */
import { type KeyObject, X509Certificate } from "node:crypto";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  AuthorityInfoAccessSyntax,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificatePolicies,
  CRLDistributionPoints,
  ExtendedKeyUsage,
  InhibitAnyPolicy,
  KeyUsage,
  NameConstraints,
  PolicyConstraints,
  PolicyMappings,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from "@peculiar/asn1-x509";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as X509CertificateWithExtensions,
} from "@peculiar/x509";
import type { ParsedCertificate } from "./certificate.ts";
import { requireReadableByGo } from "./goEncoding.ts";

/** Extensions that the rules look at, or that limit nothing below the certificate even if they are critical. */
const understood = new Set([
  "2.5.29.14", // subject key identifier
  "2.5.29.15", // key usage
  "2.5.29.17", // subject alternative name
  "2.5.29.19", // basic constraints
  "2.5.29.35", // authority key identifier
  "2.5.29.37", // extended key usage
]);
const alternativeNamesType = "2.5.29.17";

/** Go applies the first ones even if they are not critical, OpenSSL the others. */
const heeded = new Set([
  "2.5.29.30", // name constraints
  "2.5.29.33", // policy mappings
  "2.5.29.36", // policy constraints
  "2.5.29.54", // inhibited policies
  "2.16.840.1.113730.1.1", // Netscape's types of certificates
  "1.3.6.1.5.5.7.1.7", // ranges of addresses
  "1.3.6.1.5.5.7.1.8", // autonomous systems
  "1.3.6.1.5.5.7.1.14", // proxy certificates
]);

/** The extensions that Go parses: it refuses a certificate in which one of them is malformed. */
const parsedByGo: Readonly<Record<string, new () => unknown>> = {
  "1.3.6.1.5.5.7.1.1": AuthorityInfoAccessSyntax,
  "2.5.29.14": SubjectKeyIdentifier,
  "2.5.29.15": KeyUsage,
  "2.5.29.17": SubjectAlternativeName,
  "2.5.29.19": BasicConstraints,
  "2.5.29.30": NameConstraints,
  "2.5.29.31": CRLDistributionPoints,
  "2.5.29.32": CertificatePolicies,
  "2.5.29.33": PolicyMappings,
  "2.5.29.35": AuthorityKeyIdentifier,
  "2.5.29.36": PolicyConstraints,
  "2.5.29.37": ExtendedKeyUsage,
  "2.5.29.54": InhibitAnyPolicy,
};

/**
 * Reads a certificate in DER.
 *
 * @throws Error if it is not a certificate, or if Go's `ParseCertificate` would refuse it: for bytes after its end, repeated
 * or malformed extensions, two different signature algorithms, an encoding other than DER, or what
 * {@link requireReadableByGo} finds.
 */
export function parseCertificate(der: Buffer): ParsedCertificate {
  const x509 = new X509Certificate(der);
  if (!x509.raw.equals(der)) throw new Error("Something follows the certificate.");
  const certificate = parseExactly(der, Certificate);
  const { tbsCertificate, signatureAlgorithm: outer } = certificate;
  for (const { extnID, extnValue } of tbsCertificate.extensions ?? []) {
    const type = Object.hasOwn(parsedByGo, extnID) ? parsedByGo[extnID] : undefined;
    if (type !== undefined) parseExactly(Buffer.from(extnValue.buffer), type);
  }
  const [innerDer, outerDer] = [tbsCertificate.signature, outer].map((algorithm) =>
    AsnConvert.serialize(algorithm),
  );
  if (hexadecimal(innerDer!) !== hexadecimal(outerDer!))
    throw new Error("It names two different signature algorithms.");
  requireReadableByGo(certificate);
  const parsed = new X509CertificateWithExtensions(der);
  const types = parsed.extensions.map(({ type }) => type);
  if (new Set(types).size < types.length) throw new Error("It has the same extension twice.");

  const basicConstraints = parsed.getExtension(BasicConstraintsExtension);
  const keyUsages = parsed.getExtension(KeyUsagesExtension);
  const extendedKeyUsages = parsed.getExtension(ExtendedKeyUsageExtension);
  const alternativeNames = parsed.getExtension(SubjectAlternativeNameExtension);
  // Go handles critical alternative names only if it knows one of them.
  const hasKnownNames =
    alternativeNames?.names.items.some(({ type }) => ["dns", "email", "ip", "url"].includes(type)) ?? false;
  return {
    x509,
    subjectDer: hexadecimal(parsed.subjectName.toArrayBuffer()),
    issuerDer: hexadecimal(parsed.issuerName.toArrayBuffer()),
    commonName: parsed.subjectName.getField("CN")[0] ?? "",
    dnsNames: alternativeNames?.names.items.flatMap(({ type, value }) => (type === "dns" ? value : [])) ?? [],
    publicKeyAlgorithm: publicKeyAlgorithm(x509.publicKey, parsed.publicKey.rawData.byteLength),
    signatureAlgorithm: signatureAlgorithm(parsed.signatureAlgorithm as unknown as Algorithm),
    isCa: basicConstraints?.ca ?? false,
    pathLength: basicConstraints?.pathLength,
    maySignCertificates: keyUsages ? (keyUsages.usages & KeyUsageFlags.keyCertSign) !== 0 : undefined,
    extendedKeyUsages: extendedKeyUsages?.usages.map(String),
    otherConstraints: Array.from(parsed.extensions)
      .filter(
        ({ type, critical }) =>
          heeded.has(type) ||
          (critical && (!understood.has(type) || (type === alternativeNamesType && !hasKnownNames))),
      )
      .map(({ type }) => type),
    subjectKeyIdentifier: parsed.getExtension(SubjectKeyIdentifierExtension)?.keyId,
    serialNumber: hexadecimal(tbsCertificate.serialNumber),
    ...authorityOf(parsed.getExtension(AuthorityKeyIdentifierExtension)),
  };
}

/** Reads what has only one encoding in DER: written again, it is the same, byte for byte. */
function parseExactly<Value>(der: Buffer, type: new () => Value): Value {
  const value = AsnConvert.parse(der, type);
  if (!der.equals(Buffer.from(AsnConvert.serialize(value)))) throw new Error("Its encoding is not DER.");
  return value;
}

function authorityOf(
  extension: AuthorityKeyIdentifierExtension | null,
): Pick<ParsedCertificate, "authorityKeyIdentifier" | "authorityIssuerDer" | "authoritySerialNumber"> {
  const authority = extension ? AsnConvert.parse(extension.value, AuthorityKeyIdentifier) : undefined;
  const { keyIdentifier: key, authorityCertSerialNumber: serialNumber } = authority ?? {};
  const name = authority?.authorityCertIssuer?.find(({ directoryName }) => directoryName)?.directoryName;
  return {
    authorityKeyIdentifier: key && hexadecimal(key.buffer),
    authorityIssuerDer: name && hexadecimal(AsnConvert.serialize(name)),
    authoritySerialNumber: serialNumber && hexadecimal(serialNumber),
  };
}

/** OpenSSL's names of NIST's curves. */
const curveNames: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};

/** Length of a P-256 key's SubjectPublicKeyInfo with its curve named and its point uncompressed. */
const plainP256Bytes = 91;

function publicKeyAlgorithm({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, bytes: number): string {
  const { modulusLength, namedCurve = "" } = asymmetricKeyDetails ?? {};
  switch (asymmetricKeyType) {
    case "ec":
      // OpenSSL reads other encodings, too; Go does not.
      if (namedCurve === "prime256v1" && bytes !== plainP256Bytes)
        return "P-256 in an encoding that Go refuses";
      return curveNames[namedCurve] ?? `the curve ${namedCurve || "that it spells out"}`;
    case "rsa":
      return `RSA ${modulusLength}`;
    case "rsa-pss":
      return "RSA for RSASSA-PSS alone";
    case "ed25519":
      return "Ed25519";
    default:
      return asymmetricKeyType ?? "an unknown algorithm";
  }
}

/** The library's declarations use the browser's type, which Node's do not have. */
interface Algorithm {
  readonly name: string;
  readonly hash?: { readonly name: string };
}

function signatureAlgorithm({ name, hash }: Algorithm): string {
  const hashName = hash?.name.replace("SHA-", "SHA");
  switch (name) {
    case "ECDSA":
      return `ECDSA-${hashName}`;
    case "RSASSA-PKCS1-v1_5":
      return `${hashName}-RSA`;
    case "RSA-PSS":
      return `${hashName ?? "unknown hash"}-RSAPSS`;
    default:
      return name;
  }
}

function hexadecimal(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString("hex");
}
