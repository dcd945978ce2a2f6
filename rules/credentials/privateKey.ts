/** Rules for the private key of an issuer or an anchor. No part of the key is ever in a finding. */
import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { called } from "./authority.ts";
import { quoted } from "./certificate.ts";
import { decodePem, type PemBlock } from "./pem.ts";
import { checkSkipped, longestPemBytes, type Member, type PemText, tooLong } from "./pemText.ts";

type Encoding = "sec1" | "pkcs8" | "pkcs1";

/** The encodings that Linkerd accepts, by their PEM types. */
const encodings: ReadonlyMap<string, Encoding> = new Map([
  ["EC PRIVATE KEY", "sec1"],
  ["PRIVATE KEY", "pkcs8"],
  ["RSA PRIVATE KEY", "pkcs1"],
]);

/** Checks that a key can be read, and that it belongs to the issuer. */
export function checkKey(
  { field, text }: PemText,
  issuer: Member | undefined,
  others: readonly Member[],
): Finding[] {
  if (Buffer.byteLength(text) > longestPemBytes) return [tooLong(field)];
  const { blocks } = decodePem(text);
  const [block] = blocks;
  if (block === undefined) {
    return [
      unreadable(
        field,
        "The text has no key in PEM.",
        "Give a text with BEGIN and END lines, such as EC PRIVATE KEY.",
      ),
    ];
  }
  const key = readKey(field, block);
  if (!("type" in key)) return [key];
  const findings = checkSkipped(field, block.skipped, block.line).filter(
    ({ severity }) => severity === "error",
  );
  if (blocks.length > 1) {
    findings.push(
      broken("key-alone", {
        field,
        message: `The text has ${blocks.length} blocks; Linkerd reads only the first.`,
      }),
    );
  }
  if (issuer !== undefined && !belongs(key, issuer)) findings.push(mismatch(field, key, issuer, others));
  return findings;
}

function readKey(field: string, { type, headers, content }: PemBlock): KeyObject | Finding {
  if (type === "ENCRYPTED PRIVATE KEY" || headers.includes("DEK-Info")) {
    return broken("key-encrypted", {
      field,
      message: "The key is encrypted, and Linkerd cannot ask for its password.",
    });
  }
  const encoding = encodings.get(type);
  if (encoding === undefined) {
    return unreadable(
      field,
      `The first block is ${quoted(type)}; Linkerd accepts ${[...encodings.keys()].join(", ")}.`,
      type === "EC PARAMETERS"
        ? "Remove that block; openssl ecparam leaves it out with -noout."
        : "Put the key first, in one of these encodings: openssl pkey -in FILE",
    );
  }
  try {
    const key = createPrivateKey({ key: content, format: "der", type: encoding });
    if (writtenForms(key, encoding).some((form) => form.equals(content))) return key;
  } catch {
    // The same finding as for a key that only OpenSSL can read.
  }
  return unreadable(field, `The block is labelled ${type}, but Go cannot parse it as one.`);
}

/**
 * The ways in which a key is written: OpenSSL reads many more, of which Go takes few, and it believes the public half.
 *
 * An elliptic key may leave out its public half, and in PKCS8 it may name its curve again.
 */
function writtenForms(key: KeyObject, encoding: Encoding): Buffer[] {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve !== "prime256v1") {
    if (encoding === "sec1" && key.asymmetricKeyType !== "ec") return [];
    if (encoding === "pkcs1" && key.asymmetricKeyType !== "rsa") return [];
    return [key.export({ format: "der", type: encoding as "pkcs8" })];
  }
  const number = Buffer.from(key.export({ format: "jwk" }).d!, "base64url");
  const pair = createECDH(namedCurve);
  pair.setPrivateKey(number);
  const curve = [element(0xa0, p256Identifier)];
  const publicHalf = [element(0xa1, element(0x03, Buffer.of(0), pair.getPublicKey()))];
  const inner = (...rest: readonly Buffer[]) =>
    element(0x30, element(0x02, Buffer.of(1)), element(0x04, number), ...rest);
  const named = [inner(...curve, ...publicHalf), inner(...curve)];
  if (encoding === "sec1") return named;
  const algorithm = element(0x30, ecIdentifier, p256Identifier);
  return [...named, inner(...publicHalf), inner()].map((form) =>
    element(0x30, element(0x02, Buffer.of(0)), algorithm, element(0x04, form)),
  );
}

/** Object identifiers of elliptic keys and of P-256, in DER. */
const ecIdentifier = Buffer.from("06072a8648ce3d0201", "hex");
const p256Identifier = Buffer.from("06082a8648ce3d030107", "hex");

/** An element in DER; what is written here is shorter than 256 bytes. */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

function unreadable(field: string, message: string, fix?: string): Finding {
  return broken("key-readable", { field, message, fix });
}

function belongs(key: KeyObject, { certificate }: Member): boolean {
  return certificate.x509.checkPrivateKey(key);
}

function mismatch(field: string, key: KeyObject, issuer: Member, others: readonly Member[]): Finding {
  const owner = others.find((other) => belongs(key, other));
  const certificate = called(issuer).replace(/^C/, "c").replace(/,$/, "");
  const ending = owner === undefined ? "" : `, but to certificate ${owner.place} of ${owner.field}`;
  return broken("key-match", {
    field,
    message: `The key does not belong to ${certificate} of ${issuer.field}${ending}.`,
    fix:
      owner?.field === issuer.field
        ? `Put certificate ${owner.place} of ${issuer.field} first: the issuer comes before what signed it.`
        : undefined,
  });
}
