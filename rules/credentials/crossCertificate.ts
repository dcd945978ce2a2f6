/**
 * Whether Pulumi's TLS provider can make the cross certificate of a trust anchor: the anchor's subject and key, signed by
 * another anchor. The provider writes names and key identifiers in Go's way alone, and they must be the anchor's own.
 */
import { createHash } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  AttributeTypeAndValue,
  AttributeValue,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
} from "@peculiar/asn1-x509";
import type { ParsedCertificate } from "./certificate.ts";

/** A subject as `subject` of `tls.CertRequest` says it. */
export interface SubjectArguments {
  country?: string;
  province?: string;
  locality?: string;
  streetAddresses?: string[];
  postalCode?: string;
  organization?: string;
  organizationalUnit?: string;
  commonName?: string;
  serialNumber?: string;
}

/**
 * The attributes of a subject in the order in which Go writes them (crypto/x509/pkix ToRDNSequence). An e-mail address is
 * not among them: the provider loses it between the request and the certificate.
 */
const attributes = [
  ["2.5.4.6", "country"],
  ["2.5.4.8", "province"],
  ["2.5.4.7", "locality"],
  ["2.5.4.9", "streetAddresses"],
  ["2.5.4.17", "postalCode"],
  ["2.5.4.10", "organization"],
  ["2.5.4.11", "organizationalUnit"],
  ["2.5.4.3", "commonName"],
  ["2.5.4.5", "serialNumber"],
] as const satisfies readonly (readonly [type: string, argument: keyof SubjectArguments])[];

const argumentOf = new Map<string, keyof SubjectArguments>(attributes);

/** What `tls.CertRequest` is to be given, so that its subject is that of `root` if {@link crossCertificateObstacle} finds nothing. */
export function subjectArguments(root: ParsedCertificate): SubjectArguments {
  const subject: SubjectArguments = {};
  for (const { type, value } of subjectOf(root).flat()) {
    const argument = argumentOf.get(type);
    if (argument === "streetAddresses") subject.streetAddresses = [value.toString()];
    else if (argument !== undefined) subject[argument] = value.toString();
  }
  return subject;
}

/**
 * Why Pulumi's TLS provider cannot make a cross certificate for `root`, as the rest of a sentence about it; `undefined` if
 * it can.
 */
export function crossCertificateObstacle(root: ParsedCertificate): string | undefined {
  const subject = subjectOf(root);
  const types = subject.flat().map(({ type }) => type);
  const foreign = types.find((type) => !argumentOf.has(type));
  if (foreign !== undefined)
    return `has ${foreign === emailAddress ? "an e-mail address" : `the attribute ${foreign}`} in its subject, which Pulumi's TLS provider cannot write there`;
  const repeated = types.find((type, index) => types.indexOf(type) < index);
  if (repeated !== undefined)
    return `has more than one ${argumentOf.get(repeated)} in its subject, and Pulumi's TLS provider writes only one`;
  const written = writtenSubject(subjectArguments(root));
  const encodings = written.map(encoding);
  const different = subject.find((part) => !encodings.includes(encoding(part)))?.[0];
  if (different !== undefined)
    return `writes the ${argumentOf.get(different.type)} of its subject in another way than Pulumi's TLS provider, which writes a PrintableString if the text allows it, and a UTF8String if not`;
  if (encoding(written) !== root.subjectDer)
    return `writes the parts of its subject in another order than Pulumi's TLS provider: ${types.map((type) => argumentOf.get(type)).join(", ")}`;
  const { subjectKeyIdentifier = sha1KeyIdentifier(root) } = root;
  if (subjectKeyIdentifier !== sha1KeyIdentifier(root))
    return "has a subject key identifier that is not the SHA-1 hash of its key, which Pulumi's TLS provider would write";
  return undefined;
}

const emailAddress = "1.2.840.113549.1.9.1";

/** What Go's encoding/asn1 writes as a PrintableString: not quite what it reads as one. */
const printableText = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

/** The subject as the provider writes it. */
function writtenSubject(subject: SubjectArguments): Name {
  const parts = attributes.flatMap(([type, argument]) => {
    const text = [subject[argument] ?? ""].flat().join();
    if (text === "") return [];
    const value = new AttributeValue(
      printableText.test(text) ? { printableString: text } : { utf8String: text },
    );
    // In an array, since it is one itself.
    return [new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])];
  });
  return new Name(parts);
}

function subjectOf({ subjectDer }: ParsedCertificate): Name {
  return AsnConvert.parse(Buffer.from(subjectDer, "hex"), Name);
}

function encoding(value: Name | RelativeDistinguishedName): string {
  return Buffer.from(AsnConvert.serialize(value)).toString("hex");
}

/** RFC 5280, section 4.2.1.2, method (1): the hash of the key's bits, without the algorithm before them. */
function sha1KeyIdentifier({ x509 }: ParsedCertificate): string {
  const der = x509.publicKey.export({ type: "spki", format: "der" });
  const { subjectPublicKey } = AsnConvert.parse(der, SubjectPublicKeyInfo);
  return createHash("sha1").update(Buffer.from(subjectPublicKey)).digest("hex");
}
