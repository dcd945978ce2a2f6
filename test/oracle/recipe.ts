/** What a set of credentials is made of, as data, and how it is made. */
import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyPairKeyObjectResult,
  type SignKeyObjectInput,
  sign,
} from "node:crypto";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import {
  type Element,
  holding,
  primitive,
  type Reshaping,
  readElement,
  reshape,
  writeElement,
} from "./der.ts";

/** An authority that is to be made. */
export interface AuthorityRecipe {
  /** Absent: its name is empty. */
  commonName: string | undefined;
  /** ASN.1 type of the name where others name this authority as their issuer, and where it names itself. */
  nameType: { own: NameType; inOthers: NameType };
  /** In hexadecimal digits. */
  serialNumber: string;
  version: 1 | 3;
  key: KeyName;
  /** Label of the authority that it names as its issuer: its own where it signs itself. */
  signer: string;
  /** Signed with this key instead of the signer's: a forgery. */
  signedWith?: KeyName;
  hash: Hash;
  /** Padding of an RSA key's signature. */
  padding: "PKCS1" | "PSS";
  /** Its validity, in hours from now, and how its end is written. */
  hours: readonly [from: number, to: number];
  endTime: TimeFormat;
  basicConstraints?: { ca: boolean; pathLength?: number } | undefined;
  keyUsages?: number | undefined;
  extendedKeyUsages?: readonly string[];
  /** Identifier of its own key: the right one, another key's, or none; and likewise of its signer's key. */
  subjectKeyIdentifier: "right" | "wrong" | "none";
  authorityKeyIdentifier: "right" | "wrong" | "none";
  otherExtensions: x509.Extension[];
  /** What is done to its elements before it is signed. */
  reshapings: Reshaping[];
  /** Bytes of its DER that are changed, by XOR; signed again where that is to stay right. */
  damage: { place: number; xor: number; signedAgain: boolean }[];
}

/** ASN.1 types of texts, by their tags. */
const nameTypes = {
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  teletexString: 0x14,
  bmpString: 0x1e,
  numericString: 0x12,
} as const;
export type NameType = keyof typeof nameTypes;
export const nameTypeNames = Object.keys(nameTypes) as NameType[];

/** `short`: as RFC 5280 has it, without a century until 2049. The others are longer, and not all are allowed. */
export const timeFormats = [
  "short",
  "long",
  "long with fraction",
  "long with zone",
  "without seconds",
] as const;
type TimeFormat = (typeof timeFormats)[number];

export type TextName = "bundle" | "issuer" | "key";

/** A set of credentials that is to be made. */
export interface Recipe {
  /** What makes it differ from sound credentials, in words. */
  readonly changes: string[];
  readonly authorities: Record<string, AuthorityRecipe>;
  /** Labels of the authorities in each text, in order. */
  bundle: string[];
  chain: string[];
  key: { of: string; encoding: KeyEncoding; reshapings: Reshaping[] };
  /** What is done to the texts at last. */
  readonly edits: Record<TextName, ((text: string) => string)[]>;
}

/** The three texts that Linkerd's identity controller is given. */
export type CredentialTexts = Readonly<Record<TextName, string>>;

type KeyEncoding = "pkcs8" | "native" | "encrypted" | "encrypted native";

const curve = (namedCurve: string) => () => generateKeyPairSync("ec", { namedCurve });
const rsa = (modulusLength: number, publicExponent?: number) => () =>
  generateKeyPairSync(
    "rsa",
    publicExponent === undefined ? { modulusLength } : { modulusLength, publicExponent },
  );

const makers = {
  anchor: curve("P-256"),
  "anchor 2": curve("P-256"),
  "anchor 3": curve("P-256"),
  "intermediate 1": curve("P-256"),
  "intermediate 2": curve("P-256"),
  issuer: curve("P-256"),
  stranger: curve("P-256"),
  "P-224": curve("P-224"),
  "P-384": curve("P-384"),
  "P-521": curve("P-521"),
  secp256k1: curve("secp256k1"),
  "RSA 1024": rsa(1024),
  "RSA 2048": rsa(2048),
  "RSA 2048 to the power of 3": rsa(2048, 3),
  "RSA 3072": rsa(3072),
  "RSA 4096": rsa(4096),
  "RSA for PSS": () => generateKeyPairSync("rsa-pss", { modulusLength: 2048 }),
  Ed25519: () => generateKeyPairSync("ed25519"),
  Ed448: () => generateKeyPairSync("ed448"),
} as const satisfies Readonly<Record<string, () => KeyPairKeyObjectResult>>;
export type KeyName = keyof typeof makers;
export const keyNames = Object.keys(makers) as KeyName[];

/** Each key is made once: RSA takes seconds. */
const made = new Map<KeyName, KeyPairKeyObjectResult>();
function keyPair(name: KeyName): KeyPairKeyObjectResult {
  const pair = made.get(name) ?? makers[name]();
  made.set(name, pair);
  return pair;
}

export const hashes = ["MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"] as const;
type Hash = (typeof hashes)[number];

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
    serialNumber: createHash("sha1").update(commonName).digest("hex").replace(/^./, "5"),
    version: 3,
    key,
    signer,
    hash: "SHA-256",
    padding: "PKCS1",
    hours: [-1, hoursLeft],
    endTime: "short",
    basicConstraints: { ca: true },
    keyUsages: authorityUsages,
    subjectKeyIdentifier: "right",
    authorityKeyIdentifier: signer === key ? "none" : "right",
    otherExtensions: [],
    reshapings: [],
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
    key: { of: "issuer", encoding: "pkcs8", reshapings: [] },
    edits: { bundle: [], issuer: [], key: [] },
  };
}

/** Makes the credentials. The same recipe gives the same certificates, within one run. */
export function make(recipe: Recipe): CredentialTexts {
  const { authorities, edits } = recipe;
  const pem = (label: string) => pemOf("CERTIFICATE", makeOnce(authorities[label]!, authorities));
  const edited = (name: TextName, text: string) =>
    // As it is in a file: what UTF-8 cannot hold is replaced.
    Buffer.from(edits[name].reduce((current, edit) => edit(current), text)).toString();
  return {
    bundle: edited("bundle", recipe.bundle.map(pem).join("")),
    issuer: edited("issuer", recipe.chain.map(pem).join("")),
    key: edited("key", keyText(authorities[recipe.key.of]!.key, recipe.key)),
  };
}

/** A block of PEM. */
export function pemOf(type: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${type}-----`, ...lines, `-----END ${type}-----`, ""].join("\n");
}

/** Certificates by all that they are made of. */
const certificates = new Map<string, Buffer>();
function makeOnce(recipe: AuthorityRecipe, authorities: Readonly<Record<string, AuthorityRecipe>>): Buffer {
  const { commonName, nameType, key } = authorities[recipe.signer]!;
  const otherExtensions = recipe.otherExtensions.map(({ rawData }) => Buffer.from(rawData).toString("hex"));
  const isItsOwn = authorities[recipe.signer] === recipe;
  const made = JSON.stringify([{ ...recipe, otherExtensions }, commonName ?? null, nameType, key, isItsOwn]);
  const der = certificates.get(made) ?? makeAuthority(recipe, authorities);
  certificates.set(made, der);
  return der;
}

function makeAuthority(
  recipe: AuthorityRecipe,
  authorities: Readonly<Record<string, AuthorityRecipe>>,
): Buffer {
  const signer = authorities[recipe.signer]!;
  const { publicKey } = keyPair(recipe.key);
  const signature = signatureOf(recipe.signedWith ?? signer.key, recipe);
  const subjectKey = readElement(publicKey.export({ type: "spki", format: "der" }));
  const names = {
    subject: nameOf(recipe.commonName, recipe.nameType.own),
    issuer: nameOf(signer.commonName, signer === recipe ? signer.nameType.own : signer.nameType.inOthers),
  };
  const validity = holding(0x30, timeOf(recipe.hours[0], "short"), timeOf(recipe.hours[1], recipe.endTime));
  const fields = [
    integer(recipe.serialNumber),
    readElement(signature.algorithm),
    names.issuer,
    validity,
    names.subject,
    subjectKey,
  ];
  const extensions = extensionsOf(recipe, keyIdentifier(subjectKey), signer).map(({ rawData }) =>
    readElement(Buffer.from(rawData)),
  );
  const content =
    recipe.version === 1
      ? fields
      : [
          holding(0xa0, integer("02")),
          ...fields,
          ...(extensions.length > 0 ? [holding(0xa3, holding(0x30, ...extensions))] : []),
        ];
  const toBeSigned = holding(0x30, ...content);
  for (const reshaping of recipe.reshapings) reshape(toBeSigned, reshaping);
  return recipe.damage.reduce<Buffer>(
    (der, damage) => damaged(der, damage, signature),
    signed(writeElement(toBeSigned), signature),
  );
}

const integer = (digits: string) => primitive(0x02, Buffer.from(digits, "hex"));

function nameOf(commonName: string | undefined, type: NameType): Element {
  if (commonName === undefined) return holding(0x30);
  const text =
    type === "bmpString" ? Buffer.from(commonName, "utf16le").swap16() : Buffer.from(commonName, "utf8");
  const attribute = holding(
    0x30,
    readElement(Buffer.from("0603550403", "hex")),
    primitive(nameTypes[type], text),
  );
  return holding(0x30, holding(0x31, attribute));
}

const hourMilliseconds = 3_600_000;

function timeOf(hours: number, format: TimeFormat): Element {
  const time = new Date(Date.now() + hours * hourMilliseconds);
  const digits = time.toISOString().replaceAll(/[-T:]|\..*/g, "");
  const needsCentury = time.getUTCFullYear() > 2049;
  const isShort = format === "without seconds" || (format === "short" && !needsCentury);
  const ends: Readonly<Record<TimeFormat, string>> = {
    short: "Z",
    long: "Z",
    "long with fraction": ".5Z",
    "long with zone": "+0000",
    "without seconds": "Z",
  };
  const text = (isShort ? digits.slice(2) : digits).slice(0, format === "without seconds" ? 10 : undefined);
  return primitive(isShort ? 0x17 : 0x18, Buffer.from(text + ends[format]));
}

const keyIdentifier = (subjectKey: Element) => {
  const [, key] = subjectKey.content as Element[];
  const { content, prefix } = key!;
  const bits = Buffer.isBuffer(content) ? content : Buffer.concat([prefix, ...content.map(writeElement)]);
  return createHash("sha1").update(bits.subarray(1)).digest("hex");
};
const identifierOf = (name: KeyName) =>
  keyIdentifier(readElement(keyPair(name).publicKey.export({ type: "spki", format: "der" })));

function extensionsOf(recipe: AuthorityRecipe, own: string, signer: AuthorityRecipe): x509.Extension[] {
  const { basicConstraints, keyUsages, extendedKeyUsages } = recipe;
  const extensions: x509.Extension[] = [];
  if (basicConstraints !== undefined) {
    const { ca, pathLength } = basicConstraints;
    extensions.push(new x509.BasicConstraintsExtension(ca, pathLength, true));
  }
  if (keyUsages !== undefined) extensions.push(new x509.KeyUsagesExtension(keyUsages, true));
  if (extendedKeyUsages !== undefined) {
    extensions.push(new x509.ExtendedKeyUsageExtension([...extendedKeyUsages]));
  }
  const wrong = () => identifierOf("stranger");
  if (recipe.subjectKeyIdentifier !== "none") {
    extensions.push(
      new x509.SubjectKeyIdentifierExtension(recipe.subjectKeyIdentifier === "right" ? own : wrong()),
    );
  }
  if (recipe.authorityKeyIdentifier !== "none") {
    extensions.push(
      new x509.AuthorityKeyIdentifierExtension(
        recipe.authorityKeyIdentifier === "right" ? identifierOf(signer.key) : wrong(),
      ),
    );
  }
  return [...extensions, ...recipe.otherExtensions];
}

/** How something is signed. */
interface Signature {
  /** Its AlgorithmIdentifier in DER. */
  readonly algorithm: Buffer;
  readonly hash: string | null;
  readonly key: SignKeyObjectInput;
}

/** Ends of the algorithms' object identifiers. */
const ecdsaEnds: Readonly<Record<Hash, string>> = {
  MD5: "01", // There is none: it says SHA-1.
  "SHA-1": "01",
  "SHA-224": "0301",
  "SHA-256": "0302",
  "SHA-384": "0303",
  "SHA-512": "0304",
};
const rsaEnds: Readonly<Record<Hash, string>> = {
  MD5: "04",
  "SHA-1": "05",
  "SHA-224": "0e",
  "SHA-256": "0b",
  "SHA-384": "0c",
  "SHA-512": "0d",
};
/** Object identifiers of the hashes for RSASSA-PSS, and the length of their salt; a longer one has no room in RSA 1024. */
const pssHashes: Readonly<Partial<Record<Hash, { identifier: string; bytes: string }>>> = {
  "SHA-256": { identifier: "0609608648016503040201", bytes: "20" },
  "SHA-384": { identifier: "0609608648016503040202", bytes: "30" },
};

function signatureOf(name: KeyName, { hash, padding }: Pick<AuthorityRecipe, "hash" | "padding">): Signature {
  const { privateKey } = keyPair(name);
  const digest = hash.replace("-", "").toLowerCase();
  const identified = (identifier: string, ...parameters: Element[]) =>
    writeElement(holding(0x30, readElement(Buffer.from(identifier, "hex")), ...parameters));
  const nothing = primitive(0x05, Buffer.alloc(0));
  switch (privateKey.asymmetricKeyType) {
    case "ec":
      return {
        algorithm: identified(
          `06${ecdsaEnds[hash].length === 2 ? "07" : "08"}2a8648ce3d04${ecdsaEnds[hash]}`,
        ),
        hash: hash === "MD5" ? "sha1" : digest,
        key: { key: privateKey },
      };
    case "ed25519":
      return { algorithm: identified("06032b6570"), hash: null, key: { key: privateKey } };
    case "ed448":
      return { algorithm: identified("06032b6571"), hash: null, key: { key: privateKey } };
    default: {
      if (padding === "PKCS1" && privateKey.asymmetricKeyType === "rsa") {
        return {
          algorithm: identified(`06092a864886f70d0101${rsaEnds[hash]}`, nothing),
          hash: digest,
          key: { key: privateKey },
        };
      }
      const pssHash = pssHashes[hash] === undefined ? "SHA-256" : hash;
      const { identifier, bytes } = pssHashes[pssHash]!;
      const hashed = holding(0x30, readElement(Buffer.from(identifier, "hex")), nothing);
      const masked = holding(0x30, readElement(Buffer.from("06092a864886f70d010108", "hex")), hashed);
      return {
        algorithm: identified(
          "06092a864886f70d01010a",
          holding(0x30, holding(0xa0, hashed), holding(0xa1, masked), holding(0xa2, integer(bytes))),
        ),
        hash: pssHash.replace("-", "").toLowerCase(),
        key: {
          key: privateKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        },
      };
    }
  }
}

function signed(toBeSigned: Buffer, { algorithm, hash, key }: Signature): Buffer {
  const bits = Buffer.concat([Buffer.of(0), sign(hash, toBeSigned, key)]);
  const rest = [algorithm, writeElement(primitive(0x03, bits))];
  return writeElement(primitive(0x30, Buffer.concat([toBeSigned, ...rest])));
}

function damaged(
  der: Buffer,
  { place, xor, signedAgain }: AuthorityRecipe["damage"][number],
  signature: Signature,
): Buffer {
  const changed = (bytes: Buffer) => {
    const copy = Buffer.from(bytes);
    copy[place % copy.length]! ^= xor;
    return copy;
  };
  if (!signedAgain) return changed(der);
  const headerBytes = (from: number) => (der[from + 1]! < 0x80 ? 2 : 2 + (der[from + 1]! & 0x7f));
  const begin = headerBytes(0);
  // An earlier damage may have hit the lengths: then there is no telling what was signed.
  if (der[begin] !== 0x30 || headerBytes(begin) > 5) return changed(der);
  const contentBytes =
    headerBytes(begin) === 2 ? der[begin + 1]! : der.readUIntBE(begin + 2, headerBytes(begin) - 2);
  const end = begin + headerBytes(begin) + contentBytes;
  return end > der.length ? changed(der) : signed(changed(der.subarray(begin, end)), signature);
}

function keyText(name: KeyName, { encoding, reshapings }: Recipe["key"]): string {
  const { privateKey } = keyPair(name);
  const native = { ec: "sec1", rsa: "pkcs1" }[privateKey.asymmetricKeyType as string] ?? "pkcs8";
  const type = (encoding.endsWith("native") ? native : "pkcs8") as "pkcs8";
  if (encoding.startsWith("encrypted")) {
    const protection = { cipher: "aes-256-cbc", passphrase: "secret" };
    return privateKey.export({ format: "pem", type, ...protection }).toString();
  }
  const label = { sec1: "EC PRIVATE KEY", pkcs1: "RSA PRIVATE KEY", pkcs8: "PRIVATE KEY" }[type as string]!;
  const key = readElement(privateKey.export({ format: "der", type }) as Buffer);
  for (const reshaping of reshapings) reshape(key, reshaping);
  return pemOf(label, writeElement(key));
}
