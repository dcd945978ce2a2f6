/**
 * What Go's `ParseCertificate` refuses in a certificate that is sound DER and that OpenSSL reads.
 *
 * Stricter than Go if RFC 5280 is: what the RFC forbids is refused without looking closer.
 */
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  type Certificate,
  CertificatePolicies,
  ExtendedKeyUsage,
  type Extension,
  type Name,
  SubjectAlternativeName,
  type Time,
} from "@peculiar/asn1-x509";

/** @throws Error if Go would refuse it. */
export function requireReadableByGo({ tbsCertificate }: Certificate): void {
  const { version, serialNumber, validity, issuer, subject, extensions = [] } = tbsCertificate;
  if (![0, 1, 2].includes(version)) throw new Error("Its version is not one of X.509.");
  if (version !== 2 && extensions.length > 0) throw new Error("Its version of X.509 has no extensions.");
  if ((new Uint8Array(serialNumber)[0] ?? 0) >= 0x80) throw new Error("Its serial number is negative.");
  for (const time of [validity.notBefore, validity.notAfter]) requireTime(time);
  for (const name of [issuer, subject]) requireName(name);
  const { algorithm, parameters } = tbsCertificate.subjectPublicKeyInfo.algorithm;
  if (algorithm === rsaKey && parameters !== null) throw new Error("Its RSA key's parameters are not NULL.");
  for (const extension of extensions) requireExtension(extension);
}

const rsaKey = "1.2.840.113549.1.1.1";

const ascii = (bytes: Buffer) => bytes.toString("latin1");

/** RFC 5280, section 4.1.2.5: with seconds, without their fractions, in UTC. */
function requireTime(time: Time): void {
  const { tag, content } = element(AsnConvert.serialize(time));
  const digits = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(ascii(content));
  if (digits === null || digits[1]?.length !== { 23: 2, 24: 4 }[tag]) throw new Error("A date is malformed.");
  const [, year, month, day, hour, minute, second] = digits;
  // The century matters only to the calendar of 2100, which is written with four digits.
  const text = `${year!.padStart(4, "20")}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const instant = new Date(text);
  if (Number.isNaN(instant.getTime()) || instant.toISOString() !== text)
    throw new Error("Its validity contains a date that does not exist.");
}

/** The types of text in names, by their tags, each with what it may hold. */
const textTypes: ReadonlyMap<number, (text: Buffer) => boolean> = new Map([
  [0x0c, (text) => Buffer.from(text.toString()).equals(text)],
  [0x12, (text) => /^[0-9 ]*$/.test(ascii(text))],
  [0x13, (text) => /^[A-Za-z0-9 '()+,\-./:=?*&]*$/.test(ascii(text))],
  [0x14, () => true],
  [0x16, isAscii],
  [0x1e, (text) => text.length % 2 === 0 && isWellFormed(text)],
]);

function isAscii(text: Buffer): boolean {
  return text.every((byte) => byte < 0x80);
}

/** Without halves of characters, and without code points that are not characters. */
function isWellFormed(text: Buffer): boolean {
  const characters = Buffer.from(text).swap16().toString("utf16le");
  return !/[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]/.test(characters);
}

function requireName(name: Name): void {
  if (name.some((attributes) => attributes.length === 0)) throw new Error("A part of a name is empty.");
  for (const { type, value } of name.flat()) {
    requireIdentifier(type);
    const { tag, content } = element(AsnConvert.serialize(value));
    if (!textTypes.get(tag)?.(content)) throw new Error("A name breaks the rules of its type.");
  }
}

/** Go refuses these if they are critical: access to the issuer, and the identifiers of keys. */
const neverCritical = ["1.3.6.1.5.5.7.1.1", "2.5.29.14", "2.5.29.35"];

function requireExtension({ extnID, critical, extnValue }: Extension): void {
  requireIdentifier(extnID);
  if (critical && neverCritical.includes(extnID)) throw new Error("An extension must not be critical.");
  const value = extnValue.buffer;
  if (extnID === "2.5.29.15") requireUnusedBits(element(value).content);
  if (extnID === "2.5.29.37") AsnConvert.parse(value, ExtendedKeyUsage).forEach(requireIdentifier);
  if (extnID === "2.5.29.17") requireAlternativeNames(AsnConvert.parse(value, SubjectAlternativeName));
  if (extnID === "2.5.29.32") {
    const policies = AsnConvert.parse(value, CertificatePolicies).map((policy) => policy.policyIdentifier);
    if (new Set(policies).size < policies.length) throw new Error("It has the same policy twice.");
  }
}

/** Go's identifiers have parts of 31 bits. */
function requireIdentifier(identifier: string): void {
  if (identifier.split(".").some((part) => Number(part) >= 2 ** 31))
    throw new Error("An object identifier is too long.");
}

/** The unused bits of a bit string must be zero; its first byte says how many there are. */
function requireUnusedBits(content: Buffer): void {
  const [unused = 8] = content;
  const last = content.length > 1 ? content.at(-1)! : 0;
  const isSound = unused < 8 && (last & ((1 << unused) - 1)) === 0 && (content.length > 1 || unused === 0);
  if (!isSound) throw new Error("A bit string has a bit beyond its end.");
}

/** The common ones, not all that Go reads. */
const plainUri =
  /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/;

/** The kinds of names that Go parses, by their tags. */
const alternativeNames: ReadonlyMap<number, (name: Buffer) => boolean> = new Map([
  [0x81, isAscii],
  [0x82, isAscii],
  [0x86, (uri) => plainUri.test(ascii(uri))],
  [0x87, ({ length }) => length === 4 || length === 16],
]);

function requireAlternativeNames(names: SubjectAlternativeName): void {
  for (const name of names) {
    const { tag, content } = element(AsnConvert.serialize(name));
    if (alternativeNames.get(tag)?.(content) === false) throw new Error("An alternative name is malformed.");
  }
}

/** Tag and content of an element in DER. */
function element(der: ArrayBuffer): { readonly tag: number; readonly content: Buffer } {
  const bytes = Buffer.from(der);
  const [tag, length] = bytes as unknown as [number, number];
  return { tag, content: bytes.subarray(length < 0x80 ? 2 : 2 + (length & 0x7f)) };
}
