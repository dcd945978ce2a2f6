/** What a set of credentials is made of, as data, and how it is made. */
import { createPrivateKey, KeyObject, sign, type webcrypto } from "node:crypto";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import { keysOf } from "../operations/fabricate.ts";

/** An authority that is to be made. */
export interface AuthorityRecipe {
  commonName: string;
  /** ASN.1 type of the name where others name this authority as their issuer, and where it names itself. */
  nameType: { own: NameType; inOthers: NameType };
  key: KeyName;
  /** Label of the authority that it names as its issuer: its own where it signs itself. */
  signer: string;
  /** Signed with this key instead of the signer's: a forgery. */
  signedWith?: KeyName;
  hash: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
  /** Its validity, in hours from now. */
  hours: readonly [from: number, to: number];
  basicConstraints?: { ca: boolean; pathLength?: number } | undefined;
  keyUsages?: number | undefined;
  extendedKeyUsages?: readonly string[];
  /** Identifier of its own key: the right one, another key's, or none; and likewise of its signer's key. */
  subjectKeyIdentifier: "right" | "wrong" | "none";
  authorityKeyIdentifier: "right" | "wrong" | "none";
  otherExtensions: x509.Extension[];
  /** Bytes of its DER that are changed, by XOR; signed again where that is to stay right. */
  damage: { place: number; xor: number; signedAgain: boolean }[];
}

type NameType = "utf8String" | "printableString";

export type TextName = "bundle" | "issuer" | "key";

/** A set of credentials that is to be made. */
export interface Recipe {
  /** What makes it differ from sound credentials, in words. */
  readonly changes: string[];
  readonly authorities: Record<string, AuthorityRecipe>;
  /** Labels of the authorities in each text, in order. */
  bundle: string[];
  chain: string[];
  key: { of: string; encoding: KeyEncoding };
  /** What is done to the texts at last. */
  readonly edits: Record<TextName, ((text: string) => string)[]>;
}

/** The three texts that Linkerd's identity controller is given. */
export type CredentialTexts = Readonly<Record<TextName, string>>;

type KeyEncoding = "pkcs8" | "native" | "encrypted" | "encrypted native";

const rsa = (modulusLength: number) => ({
  name: "RSASSA-PKCS1-v1_5",
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
});
const curve = (namedCurve: string) => ({ name: "ECDSA", namedCurve });

const keyAlgorithms = {
  anchor: curve("P-256"),
  "anchor 2": curve("P-256"),
  "anchor 3": curve("P-256"),
  "intermediate 1": curve("P-256"),
  "intermediate 2": curve("P-256"),
  issuer: curve("P-256"),
  stranger: curve("P-256"),
  "P-384": curve("P-384"),
  "P-521": curve("P-521"),
  "RSA 1024": rsa(1024),
  "RSA 2048": rsa(2048),
  "RSA 3072": rsa(3072),
  "RSA 4096": rsa(4096),
  Ed25519: { name: "Ed25519" } as const,
};
export type KeyName = keyof typeof keyAlgorithms;
export const keyNames = Object.keys(keyAlgorithms) as KeyName[];

/** Each key is made once: RSA takes seconds. */
const made = new Map<KeyName, Promise<webcrypto.CryptoKeyPair>>();
function keyPair(name: KeyName): Promise<webcrypto.CryptoKeyPair> {
  const pair = made.get(name) ?? keysOf(keyAlgorithms[name]);
  made.set(name, pair);
  return pair;
}

const authorityUsages = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;

/** An authority as Linkerd wants it. */
export function soundAuthority(
  commonName: string,
  key: KeyName,
  signer: string,
  hoursLeft: number,
): AuthorityRecipe {
  return {
    commonName,
    nameType: { own: "utf8String", inOthers: "utf8String" },
    key,
    signer,
    hash: "SHA-256",
    hours: [-1, hoursLeft],
    basicConstraints: { ca: true },
    keyUsages: authorityUsages,
    subjectKeyIdentifier: "right",
    authorityKeyIdentifier: signer === key ? "none" : "right",
    otherExtensions: [],
    damage: [],
  };
}

const tenYearsHours = 87_600;
export const soundAnchor = (label: "anchor" | "anchor 2" | "anchor 3") =>
  soundAuthority(`root${label.slice("anchor ".length)}.linkerd.cluster.local`, label, label, tenYearsHours);

/** Credentials as Linkerd wants them: one anchor, and an issuer below it. */
export function soundRecipe(): Recipe {
  return {
    changes: [],
    authorities: {
      anchor: soundAnchor("anchor"),
      issuer: soundAuthority("identity.linkerd.cluster.local", "issuer", "anchor", 48),
    },
    bundle: ["anchor"],
    chain: ["issuer"],
    key: { of: "issuer", encoding: "pkcs8" },
    edits: { bundle: [], issuer: [], key: [] },
  };
}

/** Makes the credentials; the same recipe gives other signatures each time. */
export async function make(recipe: Recipe): Promise<CredentialTexts> {
  const { authorities, edits } = recipe;
  const ders = new Map<string, Buffer>();
  for (const label of new Set([...recipe.bundle, ...recipe.chain])) {
    ders.set(label, await makeAuthority(authorities[label]!, authorities));
  }
  const pem = (label: string) => {
    const lines =
      ders
        .get(label)!
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  };
  const edited = (name: TextName, text: string) =>
    // As it is in a file: what UTF-8 cannot hold is replaced.
    Buffer.from(edits[name].reduce((current, edit) => edit(current), text)).toString();
  return {
    bundle: edited("bundle", recipe.bundle.map(pem).join("")),
    issuer: edited("issuer", recipe.chain.map(pem).join("")),
    key: edited("key", await keyText(authorities[recipe.key.of]!.key, recipe.key.encoding)),
  };
}

async function makeAuthority(
  recipe: AuthorityRecipe,
  authorities: Readonly<Record<string, AuthorityRecipe>>,
): Promise<Buffer> {
  const signer = authorities[recipe.signer]!;
  const { publicKey } = await keyPair(recipe.key);
  const { privateKey: signingKey } = await keyPair(recipe.signedWith ?? signer.key);
  const hour = 3_600_000;
  const generated = await x509.X509CertificateGenerator.create({
    subject: nameOf(recipe.commonName, recipe.nameType.own),
    issuer: nameOf(signer.commonName, signer === recipe ? signer.nameType.own : signer.nameType.inOthers),
    publicKey,
    signingKey,
    signingAlgorithm: { ...signingKey.algorithm, hash: recipe.hash },
    notBefore: new Date(Date.now() + recipe.hours[0] * hour),
    notAfter: new Date(Date.now() + recipe.hours[1] * hour),
    extensions: await extensionsOf(recipe, publicKey, (await keyPair(signer.key)).publicKey),
  });
  return recipe.damage.reduce<Buffer>(
    (der, damage) => damaged(der, damage, KeyObject.from(signingKey), recipe.hash),
    Buffer.from(generated.rawData),
  );
}

/** The library takes a value with its type, which its declarations do not tell. */
const nameOf = (commonName: string, type: NameType) =>
  [{ CN: [{ [type]: commonName }] }] as unknown as x509.JsonName;

async function extensionsOf(
  recipe: AuthorityRecipe,
  publicKey: webcrypto.CryptoKey,
  signerKey: webcrypto.CryptoKey,
): Promise<x509.Extension[]> {
  const { basicConstraints, keyUsages, extendedKeyUsages } = recipe;
  const { publicKey: wrong } = await keyPair("stranger");
  const extensions: x509.Extension[] = [];
  if (basicConstraints !== undefined) {
    const { ca, pathLength } = basicConstraints;
    extensions.push(new x509.BasicConstraintsExtension(ca, pathLength, true));
  }
  if (keyUsages !== undefined) extensions.push(new x509.KeyUsagesExtension(keyUsages, true));
  if (extendedKeyUsages !== undefined) {
    extensions.push(new x509.ExtendedKeyUsageExtension([...extendedKeyUsages]));
  }
  if (recipe.subjectKeyIdentifier !== "none") {
    const key = recipe.subjectKeyIdentifier === "right" ? publicKey : wrong;
    extensions.push(await x509.SubjectKeyIdentifierExtension.create(key));
  }
  if (recipe.authorityKeyIdentifier !== "none") {
    const key = recipe.authorityKeyIdentifier === "right" ? signerKey : wrong;
    extensions.push(await x509.AuthorityKeyIdentifierExtension.create(key));
  }
  return [...extensions, ...recipe.otherExtensions];
}

function damaged(
  der: Buffer,
  { place, xor, signedAgain }: AuthorityRecipe["damage"][number],
  key: KeyObject,
  hash: string,
): Buffer {
  if (!signedAgain) return changed(der, place, xor);
  const headerBytes = (from: number) => (der[from + 1]! < 0x80 ? 2 : 2 + (der[from + 1]! & 0x7f));
  const begin = headerBytes(0);
  // An earlier damage may have hit the lengths: then there is no telling what was signed.
  if (der[begin] !== 0x30 || headerBytes(begin) !== 4) return changed(der, place, xor);
  const contentBytes = der.readUIntBE(begin + 2, headerBytes(begin) - 2);
  const end = begin + headerBytes(begin) + contentBytes;
  if (end + 2 > der.length) return changed(der, place, xor);
  const algorithmEnd = end + 2 + der[end + 1]!;
  const signed = changed(der.subarray(begin, end), place, xor);
  const digest = key.asymmetricKeyType === "ed25519" ? null : hash.replace("-", "");
  const signature = Buffer.concat([Buffer.of(0), sign(digest, signed, key)]);
  const content = Buffer.concat([signed, der.subarray(end, algorithmEnd), tagged(0x03, signature)]);
  return tagged(0x30, content);
}

function changed(bytes: Buffer, place: number, xor: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[place % copy.length]! ^= xor;
  return copy;
}

function tagged(tag: number, content: Buffer): Buffer {
  const long = Buffer.alloc(2);
  long.writeUInt16BE(content.length);
  const length =
    content.length < 0x80 ? [content.length] : content.length < 0x100 ? [0x81, long[1]!] : [0x82, ...long];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

async function keyText(name: KeyName, encoding: KeyEncoding): Promise<string> {
  const { privateKey } = await keyPair(name);
  const key = createPrivateKey({ key: KeyObject.from(privateKey).export({ format: "jwk" }), format: "jwk" });
  const native =
    key.asymmetricKeyType === "ec" ? "sec1" : key.asymmetricKeyType === "rsa" ? "pkcs1" : "pkcs8";
  const type = encoding.endsWith("native") ? native : "pkcs8";
  const protection = encoding.startsWith("encrypted") ? { cipher: "aes-256-cbc", passphrase: "secret" } : {};
  return key.export({ format: "pem", type: type as "pkcs8", ...protection }).toString();
}
