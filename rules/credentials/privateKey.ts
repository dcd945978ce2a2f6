/** Rules for the private key of an issuer or an anchor. No part of the key is ever in a finding. */
import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import { ECParameters, ECPrivateKey, id_ecPublicKey, id_secp256r1 } from "@peculiar/asn1-ecc";
import { PrivateKey, PrivateKeyInfo } from "@peculiar/asn1-pkcs8";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier } from "@peculiar/asn1-x509";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { called } from "./authority.ts";
import { quoted } from "./certificate.ts";
import { decodePem, type PemBlock } from "./pem.ts";
import { checkSkipped, longestPemBytes, lostLines, type Member, type PemText, tooLong } from "./pemText.ts";

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
    const lost = lostLines(text);
    const fix = lost?.fix ?? "Give a text with BEGIN and END lines, such as EC PRIVATE KEY.";
    return [unreadable(field, `The text has no key in PEM${lost ? `: ${lost.what}` : ""}.`, fix)];
  }
  const key = readKey(field, block);
  if (!("type" in key)) return [key];
  const findings = [...checkSkipped(field, block.skipped, block.line)].filter(
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
  if (issuer !== undefined && !issuer.certificate.x509.checkPrivateKey(key)) {
    findings.push(mismatch(field, key, issuer, others));
  }
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
 * The ways in which programs write a key. OpenSSL reads many more, of which Go accepts few, and trusts the public half.
 *
 * An elliptic key may leave out its public half, and in PKCS #8 it may name its curve again.
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
  const privateKey = new OctetString(number);
  const publicHalf = { publicKey: new Uint8Array(pair.getPublicKey()).buffer };
  const parameters = new ECParameters({ namedCurve: id_secp256r1 });
  const named = [{ parameters, ...publicHalf }, { parameters }];
  const sec1 = (parts: Partial<ECPrivateKey>) =>
    AsnConvert.serialize(new ECPrivateKey({ privateKey, ...parts }));
  if (encoding === "sec1") return named.map((parts) => Buffer.from(sec1(parts)));
  const privateKeyAlgorithm = new AlgorithmIdentifier({
    algorithm: id_ecPublicKey,
    parameters: AsnConvert.serialize(parameters),
  });
  return [...named, publicHalf, {}].map((parts) => {
    const info = new PrivateKeyInfo({ privateKeyAlgorithm, privateKey: new PrivateKey(sec1(parts)) });
    return Buffer.from(AsnConvert.serialize(info));
  });
}

function unreadable(field: string, message: string, fix?: string): Finding {
  return broken("key-readable", { field, message, fix });
}

function mismatch(field: string, key: KeyObject, issuer: Member, others: readonly Member[]): Finding {
  const owner = others.find((other) => other.certificate.x509.checkPrivateKey(key));
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
