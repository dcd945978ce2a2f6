/** Rules for the private key of an issuer or an anchor. Nothing of the key is ever part of a finding. */
import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import { called } from "./authorityRules.ts";
import { quoted } from "./certificate.ts";
import type { Finding } from "./finding.ts";
import { decodePem, type PemBlock } from "./pem.ts";
import { longestPemBytes, type Member, type PemText, tooLong } from "./pemRules.ts";
import { broken } from "./rules.ts";

interface Encoding {
  readonly type: "sec1" | "pkcs8" | "pkcs1";
  /** ASN.1 tag of what follows the version, which tells the encodings apart. */
  readonly tag: number;
}

/** The encodings that Linkerd takes, by their PEM types. */
const encodings: ReadonlyMap<string, Encoding> = new Map([
  ["EC PRIVATE KEY", { type: "sec1", tag: 0x04 }],
  ["PRIVATE KEY", { type: "pkcs8", tag: 0x30 }],
  ["RSA PRIVATE KEY", { type: "pkcs1", tag: 0x02 }],
]);

/** The object identifier of P-256 in DER; a key that spells out the curve instead does not have it. */
const p256Identifier = Buffer.from("06082a8648ce3d030107", "hex");

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
        "It holds no key in PEM.",
        "Give a text with BEGIN and END lines, such as EC PRIVATE KEY.",
      ),
    ];
  }
  const key = readKey(field, block);
  if (!("type" in key)) return [key];
  const findings: Finding[] = [];
  if (blocks.length > 1) {
    findings.push(
      broken("key-alone", {
        field,
        message: `It holds ${blocks.length} blocks; Linkerd reads the first one only.`,
        fix: "Keep the key alone in it.",
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
      message: "The key is encrypted; Linkerd cannot ask for its password.",
      fix: "Decrypt it where it is kept: openssl pkey -in FILE, and pass it on as a secret only.",
    });
  }
  const encoding = encodings.get(type);
  if (encoding === undefined) {
    return unreadable(
      field,
      `It begins with the block ${quoted(type)}; Linkerd takes ${[...encodings.keys()].join(", ")}.`,
      type === "EC PARAMETERS"
        ? "Remove that block; openssl ecparam leaves it out with -noout."
        : "Put the key first, in one of these encodings: openssl pkey -in FILE",
    );
  }
  try {
    const key = createPrivateKey({ key: content, format: "der", type: encoding.type });
    if (isReadByGo(key, content, encoding) && hasOwnPublicHalf(key)) return key;
  } catch {
    // Told like a key that only OpenSSL can read.
  }
  return unreadable(
    field,
    `Go cannot parse it as the ${type} that it says it is.`,
    "Write it anew with openssl pkey -in FILE, as PKCS8 and with -ec_param_enc named_curve, or get it anew from where it was made.",
  );
}

/** OpenSSL takes one encoding for another, and curves that are spelt out; Go takes neither. */
function isReadByGo({ asymmetricKeyDetails }: KeyObject, content: Buffer, { tag }: Encoding): boolean {
  const isP256 = asymmetricKeyDetails?.namedCurve === "prime256v1";
  return tagAfterVersion(content) === tag && (!isP256 || content.includes(p256Identifier));
}

/** OpenSSL takes the public half of an elliptic key as it stands there, Go makes it from the private one. */
function hasOwnPublicHalf(key: KeyObject): boolean {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve !== "prime256v1") return true;
  const { d, x, y } = key.export({ format: "jwk" });
  const pair = createECDH(namedCurve);
  pair.setPrivateKey(Buffer.from(d!, "base64url"));
  const made = pair.getPublicKey().subarray(1);
  return made.equals(Buffer.concat([x!, y!].map((part) => Buffer.from(part, "base64url"))));
}

/** The second element's tag in a SEQUENCE whose first one is a short INTEGER. */
function tagAfterVersion(der: Buffer): number | undefined {
  const length = der[1] ?? 0;
  const version = length < 0x80 ? 2 : 2 + (length & 0x7f);
  return der[version + 2 + (der[version + 1] ?? 0)];
}

function unreadable(field: string, message: string, fix: string): Finding {
  return broken("key-readable", { field, message, fix });
}

function belongs(key: KeyObject, { certificate }: Member): boolean {
  return certificate.x509.checkPrivateKey(key);
}

function mismatch(field: string, key: KeyObject, issuer: Member, others: readonly Member[]): Finding {
  const owner = others.find((other) => belongs(key, other));
  const isInChain = owner?.field === issuer.field;
  return broken("key-match", {
    field,
    message:
      `It is not the key of ${called(issuer).replace(/^C/, "c").replace(/,$/, "")} of ${issuer.field}` +
      (owner === undefined ? "." : `, but of certificate ${owner.place} of ${owner.field}.`),
    fix: isInChain
      ? `Put certificate ${owner.place} of ${issuer.field} first: the issuer comes before what signed it.`
      : "Give the key that the certificate was made for, or issue a certificate for this key.",
  });
}
