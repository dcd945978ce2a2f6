/**
 * The known traps, each with what Linkerd makes of it, by itself, on sound credentials. Random sets combine them.
 */
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { type Element, holding, primitive, writeElement } from "./der.ts";
import type { Stage } from "./identityController.ts";
import { pemOf, type Recipe, soundAnchor, soundAuthority, soundRecipe } from "./recipe.ts";
import { type Generation, rotate } from "./rotation.ts";

interface Trap {
  readonly outcome: Stage;
  readonly apply: (recipe: Recipe) => void;
}

export const serverAuthentication = "1.3.6.1.5.5.7.3.1";
export const clientAuthentication = "1.3.6.1.5.5.7.3.2";
const codeSigning = "1.3.6.1.5.5.7.3.3";

/** The authorities that every recipe has. */
const anchorOf = ({ authorities }: Recipe) => authorities.anchor!;
const issuerOf = ({ authorities }: Recipe) => authorities.issuer!;

const anchor = (outcome: Stage, apply: (anchor: Recipe["authorities"][string]) => void): Trap => ({
  outcome,
  apply: (recipe) => apply(anchorOf(recipe)),
});
const issuer = (outcome: Stage, apply: (issuer: Recipe["authorities"][string]) => void): Trap => ({
  outcome,
  apply: (recipe) => apply(issuerOf(recipe)),
});
const text = (outcome: Stage, name: keyof Recipe["edits"], edit: (text: string) => string): Trap => ({
  outcome,
  apply: ({ edits }) => edits[name].push(edit),
});
const ends = (outcome: Stage, name: keyof Recipe["edits"], end: string) =>
  text(outcome, name, (whole) => whole + end);

/** One more anchor in the bundle. */
function addAnchor(recipe: Recipe, change: (anchor: Recipe["authorities"][string]) => void): void {
  const label = "anchor 2";
  recipe.authorities[label] ??= soundAnchor(label);
  change(recipe.authorities[label]);
  if (!recipe.bundle.includes(label)) recipe.bundle.push(label);
}

/** An intermediate between the anchor and the issuer. */
export function addIntermediate(recipe: Recipe, label: "intermediate 1" | "intermediate 2"): void {
  const { signer } = issuerOf(recipe);
  recipe.authorities[label] ??= soundAuthority(`${label}.example`, label, signer, 8760);
  issuerOf(recipe).signer = label;
  if (!recipe.chain.includes(label)) recipe.chain.splice(recipe.chain.indexOf("issuer") + 1, 0, label);
}

/** A rotation, with a change to it. */
function rotation(
  outcome: Stage,
  hops: 1 | 2,
  bundle: readonly Generation[],
  change: (recipe: Recipe) => void = () => {},
): Trap {
  const apply = (recipe: Recipe) => {
    rotate(recipe, hops, bundle);
    for (const label of bundle) recipe.authorities[label] ??= soundAnchor(label);
    change(recipe);
  };
  return { outcome, apply };
}

/** The second anchor's cross certificate, in a rotation. */
const crossOf = ({ authorities }: Recipe) => authorities["anchor 2 crossed"]!;

const unknownCritical = () => new x509.Extension("1.2.3.4", true, Buffer.from("0500", "hex"));
/** NameConstraints that permit one DNS domain, or exclude it. */
const nameConstraints = (domain: string, tag: "a0" | "a1") => {
  const name = Buffer.from(domain);
  const general = Buffer.concat([Buffer.of(0x82, name.length), name]);
  const subtree = Buffer.concat([Buffer.of(0x30, general.length), general]);
  const subtrees = Buffer.concat([Buffer.of(Number.parseInt(tag, 16), subtree.length), subtree]);
  return new x509.Extension("2.5.29.30", true, Buffer.concat([Buffer.of(0x30, subtrees.length), subtrees]));
};
const nothing = primitive(0x05, Buffer.alloc(0));
const integer = (value: number) => primitive(0x02, Buffer.of(value));
const identifier = (digits: string) => primitive(0x06, Buffer.from(digits, "hex"));
const p256 = () => identifier("2a8648ce3d030107");

/** The same key with less, or more, in it than OpenSSL writes. What is no elliptic key any more stays as it is. */
function rewriteKey(write: (privateNumber: Buffer) => string): (text: string) => string {
  return (text) => {
    try {
      const { d } = createPrivateKey(text).export({ format: "jwk" });
      return d === undefined ? text : write(Buffer.from(d, "base64url"));
    } catch {
      return text;
    }
  };
}
/** SEC1: version, private number, and what else there is. */
const sec1 = (privateNumber: Buffer, ...rest: Element[]) =>
  holding(0x30, integer(1), primitive(0x04, privateNumber), ...rest);
const pkcs8 = (version: number, inner: Element, ...rest: Element[]) => {
  const algorithm = holding(0x30, identifier("2a8648ce3d0201"), p256());
  return holding(0x30, integer(version), algorithm, primitive(0x04, writeElement(inner)), ...rest);
};
const explicitKey = () =>
  generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" })
    .privateKey.export({ format: "pem", type: "sec1" })
    .toString();

export const traps = {
  nothing: { outcome: "accepted", apply: () => {} },

  // Purposes
  "issuer's EKU lacks serverAuth": issuer("load", (it) => {
    it.extendedKeyUsages = [clientAuthentication];
  }),
  "anchor's EKU lacks serverAuth": anchor("load", (it) => {
    it.extendedKeyUsages = [clientAuthentication];
  }),
  "issuer's EKU is serverAuth alone": issuer("proxies", (it) => {
    it.extendedKeyUsages = [serverAuthentication];
  }),
  "anchor's EKU is serverAuth alone": anchor("proxies", (it) => {
    it.extendedKeyUsages = [serverAuthentication];
  }),
  "issuer's EKU is both": issuer("accepted", (it) => {
    it.extendedKeyUsages = [serverAuthentication, clientAuthentication];
  }),
  "anchor's EKU is both": anchor("accepted", (it) => {
    it.extendedKeyUsages = [serverAuthentication, clientAuthentication];
  }),
  "issuer's EKU is code signing": issuer("load", (it) => {
    it.extendedKeyUsages = [codeSigning];
  }),
  "issuer's EKU is any": issuer("proxies", (it) => {
    it.extendedKeyUsages = ["2.5.29.37.0"];
  }),
  "anchor's EKU is any": anchor("proxies", (it) => {
    it.extendedKeyUsages = ["2.5.29.37.0"];
  }),
  "issuer may not sign certificates": issuer("proxies", (it) => {
    it.keyUsages = x509.KeyUsageFlags.digitalSignature;
  }),
  "anchor may not sign certificates": anchor("load", (it) => {
    it.keyUsages = x509.KeyUsageFlags.digitalSignature;
  }),
  "issuer says nothing of its key's use": issuer("accepted", (it) => {
    it.keyUsages = undefined;
  }),
  "issuer's key usage is empty": issuer("proxies", (it) => {
    it.keyUsages = 0;
  }),
  "issuer may sign certificates, and more": issuer("accepted", (it) => {
    it.keyUsages = 0x1ff;
  }),
  "issuer is a leaf": issuer("load", (it) => {
    it.basicConstraints = { ca: false };
  }),
  "issuer has no basic constraints": issuer("load", (it) => {
    it.basicConstraints = undefined;
  }),
  "anchor is a leaf": anchor("load", (it) => {
    it.basicConstraints = { ca: false };
  }),
  "anchor has no basic constraints": anchor("load", (it) => {
    it.basicConstraints = undefined;
  }),
  "anchor's path length is 0": anchor("proxies", (it) => {
    it.basicConstraints = { ca: true, pathLength: 0 };
  }),
  "anchor's path length is 1": anchor("accepted", (it) => {
    it.basicConstraints = { ca: true, pathLength: 1 };
  }),
  "issuer's path length is 0": issuer("accepted", (it) => {
    it.basicConstraints = { ca: true, pathLength: 0 };
  }),
  "issuer has an unknown critical extension": issuer("load", (it) => {
    it.otherExtensions.push(unknownCritical());
  }),
  "anchor has an unknown critical extension": anchor("load", (it) => {
    it.otherExtensions.push(unknownCritical());
  }),
  "anchor excludes the mesh's names": anchor("proxies", (it) => {
    it.otherExtensions.push(nameConstraints("cluster.local", "a1"));
  }),
  "anchor permits the mesh's names": anchor("accepted", (it) => {
    it.otherExtensions.push(nameConstraints("cluster.local", "a0"));
  }),

  "issuer has a type of Netscape's that is malformed": issuer("proxies", (it) => {
    it.otherExtensions.push(new x509.Extension("2.16.840.1.113730.1.1", false, Buffer.from("3000", "hex")));
  }),
  "issuer has an alternative name of three bytes' address": issuer("load", (it) => {
    it.otherExtensions.push(new x509.Extension("2.5.29.17", false, Buffer.from("30058703010203", "hex")));
  }),
  "the identifier of the issuer's key is critical": issuer("load", (it) => {
    it.subjectKeyIdentifier = "none";
    it.otherExtensions.push(new x509.Extension("2.5.29.14", true, Buffer.from("0403414243", "hex")));
  }),
  "issuer's key usage has a bit beyond its end": issuer("load", (it) => {
    it.keyUsages = undefined;
    it.otherExtensions.push(new x509.Extension("2.5.29.15", true, Buffer.from("03020107", "hex")));
  }),
  "an identifier in the issuer has a part of 32 bits": issuer("load", (it) => {
    it.otherExtensions.push(new x509.Extension("1.3.2147483648", false, Buffer.from("0500", "hex")));
  }),
  "an identifier in the issuer has a part of 31 bits": issuer("accepted", (it) => {
    it.otherExtensions.push(new x509.Extension("1.3.2147483647", false, Buffer.from("0500", "hex")));
  }),
  "anchor permits other names alone": anchor("proxies", (it) => {
    it.otherExtensions.push(nameConstraints("example.com", "a0"));
  }),
  "anchor is of X.509 version 1": anchor("accepted", (it) => {
    it.version = 1;
  }),
  "issuer is of X.509 version 1": issuer("load", (it) => {
    it.version = 1;
  }),

  // Algorithms
  "issuer is RSA": issuer("certify", (it) => {
    it.key = "RSA 2048";
  }),
  "issuer is P-384": issuer("accepted", (it) => {
    it.key = "P-384";
  }),
  "issuer is Ed25519": issuer("load", (it) => {
    it.key = "Ed25519";
  }),
  "anchor is RSA 2048": anchor("accepted", (it) => {
    it.key = "RSA 2048";
  }),
  "anchor is RSA 3072": anchor("accepted", (it) => {
    it.key = "RSA 3072";
  }),
  "anchor is RSA 4096": anchor("accepted", (it) => {
    it.key = "RSA 4096";
  }),
  "anchor is P-384": anchor("accepted", (it) => {
    it.key = "P-384";
  }),
  "anchor is Ed25519": anchor("accepted", (it) => {
    it.key = "Ed25519";
  }),
  "anchor is RSA 1024": anchor("proxies", (it) => {
    it.key = "RSA 1024";
  }),
  "anchor is P-224": anchor("accepted", (it) => {
    it.key = "P-224";
  }),
  "anchor is P-521": anchor("accepted", (it) => {
    it.key = "P-521";
  }),
  "anchor is of a curve that Go does not know": anchor("load", (it) => {
    it.key = "secp256k1";
  }),
  "anchor is Ed448": anchor("load", (it) => {
    it.key = "Ed448";
  }),
  "anchor's key is for RSASSA-PSS alone": anchor("load", (it) => {
    it.key = "RSA for PSS";
  }),
  "issuer is P-224": issuer("accepted", (it) => {
    it.key = "P-224";
  }),
  "issuer is P-521": issuer("accepted", (it) => {
    it.key = "P-521";
  }),
  "issuer is signed with RSASSA-PSS": {
    outcome: "accepted",
    apply: (recipe) => {
      anchorOf(recipe).key = "RSA 2048";
      issuerOf(recipe).padding = "PSS";
    },
  },
  "anchor is signed with RSASSA-PSS": anchor("accepted", (it) => {
    it.key = "RSA 2048";
    it.padding = "PSS";
  }),
  "an intermediate is signed with RSASSA-PSS": {
    outcome: "accepted",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      anchorOf(recipe).key = "RSA 2048";
      recipe.authorities["intermediate 1"]!.padding = "PSS";
    },
  },
  "an intermediate's key is for RSASSA-PSS alone": {
    outcome: "load",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      recipe.authorities["intermediate 1"]!.key = "RSA for PSS";
    },
  },
  "issuer is signed with MD5": {
    outcome: "load",
    apply: (recipe) => {
      anchorOf(recipe).key = "RSA 2048";
      issuerOf(recipe).hash = "MD5";
    },
  },
  "anchor is signed with MD5": anchor("accepted", (it) => {
    it.key = "RSA 2048";
    it.hash = "MD5";
  }),
  "issuer is signed with SHA-384": issuer("accepted", (it) => {
    it.hash = "SHA-384";
  }),
  "issuer is signed with SHA-1": issuer("load", (it) => {
    it.hash = "SHA-1";
  }),
  "anchor is signed with SHA-1": anchor("accepted", (it) => {
    it.hash = "SHA-1";
  }),

  // Encodings
  "issuer's serial number is negative": issuer("load", (it) => {
    it.serialNumber = "ff";
  }),
  "anchor's serial number is negative": anchor("load", (it) => {
    it.serialNumber = "80";
  }),
  "issuer's serial number is 0": issuer("accepted", (it) => {
    it.serialNumber = "00";
  }),
  "issuer's serial number has 21 bytes": issuer("accepted", (it) => {
    it.serialNumber = "7f".repeat(21);
  }),
  "issuer's serial number is longer than it must be": issuer("load", (it) => {
    it.serialNumber = "0001";
  }),
  "issuer's end has its century": issuer("accepted", (it) => {
    it.endTime = "long";
  }),
  "issuer's end has a fraction of a second": issuer("load", (it) => {
    it.endTime = "long with fraction";
  }),
  "issuer's end has a time zone": issuer("load", (it) => {
    it.endTime = "long with zone";
  }),
  "issuer's end has no seconds": issuer("proxies", (it) => {
    it.endTime = "without seconds";
  }),
  "a length in the issuer has more bytes than it must": issuer("load", (it) => {
    it.reshapings.push({ place: 0, way: "padded", other: "" });
  }),
  "a length in the issuer is indefinite": issuer("load", (it) => {
    it.reshapings.push({ place: 0, way: "indefinite", other: "" });
  }),
  "an extension of the issuer is there twice": issuer("load", (it) => {
    it.otherExtensions.push(new x509.BasicConstraintsExtension(true, undefined, true));
  }),

  // Names
  "issuer has no name": issuer("proxies", (it) => {
    it.commonName = undefined;
  }),
  "anchor has no name": anchor("accepted", (it) => {
    it.commonName = undefined;
  }),
  "issuer has a name without anything in its one part": issuer("proxies", (it) => {
    it.reshapings.push({ place: 14, way: "emptied", other: "" });
  }),
  "issuer has a name that its type does not allow": issuer("load", (it) => {
    it.nameType = { own: "numericString", inOthers: "numericString" };
  }),
  "issuer has another common name": issuer("accepted", (it) => {
    it.commonName = "Mesh";
  }),
  "issuer has its anchor's subject": {
    outcome: "accepted",
    apply: (recipe) => {
      issuerOf(recipe).commonName = anchorOf(recipe).commonName;
    },
  },
  "issuer has its anchor's subject, without key identifiers": {
    outcome: "proxies",
    apply: (recipe) => {
      issuerOf(recipe).commonName = anchorOf(recipe).commonName;
      for (const authority of [anchorOf(recipe), issuerOf(recipe)]) {
        authority.subjectKeyIdentifier = authority.authorityKeyIdentifier = "none";
      }
    },
  },
  "issuer names its anchor in another encoding": anchor("load", (it) => {
    it.nameType = { own: "printableString", inOthers: "utf8String" };
  }),
  "two anchors of one subject, without key identifiers": {
    outcome: "proxies",
    apply: (recipe) => {
      addAnchor(recipe, (twin) => {
        twin.commonName = anchorOf(recipe).commonName;
      });
      recipe.bundle.reverse();
      for (const authority of Object.values(recipe.authorities)) {
        authority.subjectKeyIdentifier = authority.authorityKeyIdentifier = "none";
      }
    },
  },
  "two anchors of one subject, with key identifiers": {
    outcome: "accepted",
    apply: (recipe) => {
      addAnchor(recipe, (twin) => {
        twin.commonName = anchorOf(recipe).commonName;
      });
      recipe.bundle.reverse();
    },
  },

  // Chains
  "issuer is from a new anchor, the bundle is old": {
    outcome: "load",
    apply: (recipe) => {
      recipe.authorities["anchor 2"] ??= soundAnchor("anchor 2");
      issuerOf(recipe).signer = "anchor 2";
    },
  },
  "issuer is from a new key of its anchor": issuer("load", (it) => {
    it.signedWith = "stranger";
  }),
  "anchor is renewed with its key": {
    outcome: "accepted",
    apply: (recipe) => {
      recipe.authorities.renewed = { ...anchorOf(recipe), hours: [-0.5, 90_000] };
      recipe.bundle = recipe.bundle.map((label) => (label === "anchor" ? "renewed" : label));
    },
  },
  "issuer names another key of its anchor": issuer("proxies", (it) => {
    it.authorityKeyIdentifier = "wrong";
  }),
  "issuer names another certificate of its anchor": issuer("proxies", (it) => {
    it.authorityKeyIdentifier = "none";
    it.otherExtensions.push(new x509.Extension("2.5.29.35", false, Buffer.from("3003820105", "hex")));
  }),
  "issuer names its anchor's certificate": {
    outcome: "accepted",
    apply: (recipe) => {
      const { serialNumber } = anchorOf(recipe);
      const value = holding(0x30, primitive(0x82, Buffer.from(serialNumber, "hex")));
      issuerOf(recipe).authorityKeyIdentifier = "none";
      issuerOf(recipe).otherExtensions.push(new x509.Extension("2.5.29.35", false, writeElement(value)));
    },
  },
  "an intermediate": { outcome: "accepted", apply: (recipe) => addIntermediate(recipe, "intermediate 1") },
  "an intermediate is missing": {
    outcome: "load",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      recipe.chain = recipe.chain.filter((label) => label !== "intermediate 1");
    },
  },
  "the issuer is not first": {
    outcome: "load",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      recipe.chain.reverse();
    },
  },
  "an intermediate is the anchor": {
    outcome: "accepted",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      recipe.bundle = ["intermediate 1"];
      recipe.chain = ["issuer"];
    },
  },
  "the anchor follows the issuer": {
    outcome: "accepted",
    apply: (recipe) => {
      recipe.chain.push("anchor");
    },
  },
  "a stranger follows the issuer": {
    outcome: "accepted",
    apply: (recipe) => {
      recipe.authorities["anchor 3"] ??= soundAnchor("anchor 3");
      recipe.chain.push("anchor 3");
    },
  },
  "intermediate's path length is 0": {
    outcome: "proxies",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      recipe.authorities["intermediate 1"]!.basicConstraints = { ca: true, pathLength: 0 };
    },
  },

  // Rotations
  "the issuer's anchor is cross-signed by the one of the bundle": rotation("accepted", 1, ["anchor"]),
  "a cross certificate beside both anchors": rotation("accepted", 1, ["anchor", "anchor 2"]),
  "a cross certificate beside its own anchor": rotation("accepted", 1, ["anchor 2"]),
  "a cross certificate beside neither anchor": rotation("load", 1, ["anchor 3"]),
  "two hops of cross certificates to the first anchor": rotation("accepted", 2, ["anchor"]),
  "two hops of cross certificates to the second anchor": rotation("accepted", 2, ["anchor 2"]),
  "two hops of cross certificates to the last anchor": rotation("accepted", 2, ["anchor 3"]),
  "two hops of cross certificates in another order": rotation("accepted", 2, ["anchor"], ({ chain }) => {
    chain.push(...chain.splice(1, 1));
  }),
  "the second of two hops is missing": rotation("load", 2, ["anchor"], ({ chain }) => {
    chain.pop();
  }),
  "the old anchor follows its cross certificate": rotation("accepted", 1, ["anchor 2"], ({ chain }) => {
    chain.push("anchor");
  }),
  "the new anchor follows its cross certificate": rotation("accepted", 1, ["anchor"], ({ chain }) => {
    chain.push("anchor 2");
  }),
  "the new anchor precedes its cross certificate": rotation("proxies", 1, ["anchor"], ({ chain }) => {
    chain.splice(1, 0, "anchor 2");
  }),
  "a foreign cross certificate precedes the other": rotation("proxies", 1, ["anchor"], (recipe) => {
    recipe.authorities.foreign = soundAuthority("root.example", "stranger", "foreign", 87_600);
    recipe.authorities["foreign cross"] = { ...crossOf(recipe), signer: "foreign" };
    recipe.chain.splice(1, 0, "foreign cross");
  }),
  "a cross certificate is foreign, beside its own anchor": rotation("accepted", 1, ["anchor 2"], (recipe) => {
    recipe.authorities.foreign = soundAuthority("root.example", "stranger", "foreign", 87_600);
    crossOf(recipe).signer = "foreign";
  }),
  "a cross certificate has another key": rotation("load", 1, ["anchor"], (recipe) => {
    crossOf(recipe).key = "stranger";
  }),
  "a cross certificate has another key, beside its own anchor": rotation(
    "accepted",
    1,
    ["anchor 2"],
    (recipe) => {
      crossOf(recipe).key = "stranger";
    },
  ),
  "a cross certificate has another key identifier": rotation("proxies", 1, ["anchor"], (recipe) => {
    crossOf(recipe).subjectKeyIdentifier = "wrong";
  }),
  "a cross certificate has another key identifier, beside its own anchor": rotation(
    "accepted",
    1,
    ["anchor 2"],
    (recipe) => {
      crossOf(recipe).subjectKeyIdentifier = "wrong";
    },
  ),
  "a cross certificate has ended, beside its own anchor": rotation("proxies", 1, ["anchor 2"], (recipe) => {
    crossOf(recipe).hours = [-100, -1];
  }),
  "a cross certificate ends before the issuer": rotation("accepted", 1, ["anchor", "anchor 2"], (recipe) => {
    crossOf(recipe).hours = [-100, 20];
  }),
  "a cross certificate leaves no room in the old anchor": rotation("proxies", 1, ["anchor"], (recipe) => {
    anchorOf(recipe).basicConstraints = { ca: true, pathLength: 1 };
  }),
  "a cross certificate by an RSA anchor": rotation("accepted", 1, ["anchor"], (recipe) => {
    anchorOf(recipe).key = "RSA 2048";
  }),
  "a cross certificate for an RSA anchor": rotation("accepted", 1, ["anchor"], (recipe) => {
    recipe.authorities["anchor 2"]!.key = crossOf(recipe).key = "RSA 2048";
  }),
  "an intermediate has expired": {
    outcome: "load",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      recipe.authorities["intermediate 1"]!.hours = [-100, -1];
    },
  },

  // Validity
  "issuer has three hours left": issuer("accepted", (it) => {
    it.hours = [-45, 3];
  }),
  "issuer has expired": issuer("load", (it) => {
    it.hours = [-49, -1];
  }),
  "issuer is not yet valid": issuer("load", (it) => {
    it.hours = [1, 49];
  }),
  "anchor has two hours left": anchor("accepted", (it) => {
    it.hours = [-100, 2];
  }),
  "anchor has expired": anchor("load", (it) => {
    it.hours = [-100, -1];
  }),
  "anchor is not yet valid": anchor("load", (it) => {
    it.hours = [1, 87_600];
  }),
  "an expired anchor beside a valid one": {
    outcome: "accepted",
    apply: (recipe) =>
      addAnchor(recipe, (old) => {
        old.hours = [-100, -1];
      }),
  },
  "an anchor beside it that is not yet valid": {
    outcome: "accepted",
    apply: (recipe) =>
      addAnchor(recipe, (next) => {
        next.hours = [1, 100_000];
      }),
  },

  // Texts
  "bundle ends with a blank line": ends("load", "bundle", "\n"),
  "bundle ends with a space": ends("load", "bundle", " "),
  "bundle ends with text": ends("load", "bundle", "# end\n"),
  "bundle ends without newline": text("accepted", "bundle", (whole) => whole.trimEnd()),
  "bundle begins with a comment": text("accepted", "bundle", (whole) => `# anchor\n${whole}`),
  "bundle begins with a blank line": text("accepted", "bundle", (whole) => `\n${whole}`),
  "bundle has blank lines between": {
    outcome: "accepted",
    apply: (recipe) => {
      addAnchor(recipe, () => {});
      recipe.edits.bundle.push((whole) => whole.replaceAll("-----\n-----", "-----\n\n\n-----"));
    },
  },
  "bundle is of Windows": text("accepted", "bundle", (whole) => whole.replaceAll("\n", "\r\n")),
  "bundle begins with a byte order mark": text("load", "bundle", (whole) => `\uFEFF${whole}`),
  "bundle holds the anchor twice": text("accepted", "bundle", (whole) => whole + whole),
  "bundle has PEM headers": text("proxies", "bundle", (whole) =>
    whole.replace("-----\n", "-----\nOrigin: here\n\n"),
  ),
  "bundle's end is cut off": text("load", "bundle", (whole) => whole.slice(0, -40)),
  "bundle holds a private key": {
    outcome: "accepted",
    apply: ({ edits }) => edits.bundle.push((whole) => whole + explicitKey()),
  },
  "bundle begins with a private key": text("load", "bundle", (whole) => explicitKey() + whole),
  "bundle is of another type": text("load", "bundle", (whole) =>
    whole.replaceAll("CERTIFICATE-----", "TRUSTED CERTIFICATE-----"),
  ),
  "bundle has text between": {
    outcome: "accepted",
    apply: (recipe) => {
      addAnchor(recipe, () => {});
      recipe.edits.bundle.push((whole) => whole.replaceAll("-----\n-----", "-----\n# the next\n-----"));
    },
  },
  "bundle is in lower case": text("load", "bundle", (whole) =>
    whole
      .replaceAll("BEGIN CERTIFICATE", "begin certificate")
      .replaceAll("END CERTIFICATE", "end certificate"),
  ),
  "bundle is of old Macs": text("load", "bundle", (whole) => whole.replaceAll("\n", "\r")),
  "bundle has spaces at its line ends": text("accepted", "bundle", (whole) => whole.replaceAll("\n", " \n")),
  "bundle is indented": text("load", "bundle", (whole) => whole.replaceAll(/^/gm, "  ")),
  "bundle has blank lines inside a block": text("accepted", "bundle", (whole) => whole.replace("\n", "\n\n")),
  "bundle is in base64 for URLs": text("load", "bundle", (whole) =>
    whole.replaceAll(/^(?!-).*/gm, (line) =>
      line.replaceAll("+", "-").replaceAll("/", "_").replace(/^/, "-"),
    ),
  ),
  "bundle is in lines of any length": text("accepted", "bundle", (whole) =>
    whole.replaceAll(/([^-])\n(?=[^-])/g, "$1"),
  ),
  "bundle has a block inside another": text("load", "bundle", (whole) => whole.replace("\n", `\n${whole}`)),
  "bundle is empty": text("load", "bundle", () => ""),
  "bundle is in DER": text("load", "bundle", (whole) =>
    Buffer.from(whole.split("\n").slice(1, -2).join(""), "base64").toString("latin1"),
  ),
  "issuer ends with a blank line": ends("load", "issuer", "\n"),
  "issuer ends with text": ends("load", "issuer", "subject=x\n"),
  "issuer begins with a comment": text("accepted", "issuer", (whole) => `# issuer\n${whole}`),
  "issuer follows an END line": text("accepted", "issuer", (whole) => `\n-----END ${whole}`),
  "issuer follows a BEGIN line": text(
    "accepted",
    "issuer",
    (whole) => `-----BEGIN CERTIFICATE-----\n${whole}`,
  ),
  "what follows the issuer cannot be read": {
    outcome: "load",
    apply: (recipe) => {
      addIntermediate(recipe, "intermediate 1");
      recipe.authorities["intermediate 1"]!.serialNumber = "ff";
    },
  },
  "issuer is empty": text("load", "issuer", () => ""),
  "issuer is of Windows": text("accepted", "issuer", (whole) => whole.replaceAll("\n", "\r\n")),

  // Keys
  "key is EC PRIVATE KEY": {
    outcome: "accepted",
    apply: (recipe) => {
      recipe.key.encoding = "native";
    },
  },
  "key is the anchor's": {
    outcome: "load",
    apply: (recipe) => {
      recipe.key.of = "anchor";
    },
  },
  "key is encrypted": {
    outcome: "load",
    apply: (recipe) => {
      recipe.key.encoding = "encrypted";
    },
  },
  "key is encrypted in its text": {
    outcome: "load",
    apply: (recipe) => {
      recipe.key.encoding = "encrypted native";
    },
  },
  "key follows EC PARAMETERS": text(
    "load",
    "key",
    (whole) => `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${whole}`,
  ),
  "key spells out its curve": text("load", "key", explicitKey),
  "key is mislabelled": text("load", "key", (whole) => whole.replaceAll("PRIVATE KEY", "EC PRIVATE KEY")),
  "key is SEC1 without its public half": text(
    "accepted",
    "key",
    rewriteKey((d) => pemOf("EC PRIVATE KEY", writeElement(sec1(d, holding(0xa0, p256()))))),
  ),
  "key is SEC1 without its curve": text(
    "load",
    "key",
    rewriteKey((d) => pemOf("EC PRIVATE KEY", writeElement(sec1(d)))),
  ),
  "key is PKCS8 without its public half": text(
    "accepted",
    "key",
    rewriteKey((d) => pemOf("PRIVATE KEY", writeElement(pkcs8(0, sec1(d))))),
  ),
  "key is PKCS8 that names its curve twice": text(
    "accepted",
    "key",
    rewriteKey((d) => pemOf("PRIVATE KEY", writeElement(pkcs8(0, sec1(d, holding(0xa0, p256())))))),
  ),
  "key is PKCS8 with attributes": text(
    "accepted",
    "key",
    rewriteKey((d) => pemOf("PRIVATE KEY", writeElement(pkcs8(0, sec1(d), holding(0xa0, nothing))))),
  ),
  "key's number begins with zeros": text(
    "accepted",
    "key",
    rewriteKey((d) =>
      pemOf("EC PRIVATE KEY", writeElement(sec1(Buffer.concat([Buffer.alloc(3), d]), holding(0xa0, p256())))),
    ),
  ),
  "key's public half is another's": text(
    "accepted",
    "key",
    rewriteKey((d) => {
      const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const point = publicKey.export({ type: "spki", format: "der" }).subarray(26);
      const publicHalf = holding(0xa1, primitive(0x03, Buffer.concat([Buffer.of(0), point])));
      return pemOf("EC PRIVATE KEY", writeElement(sec1(d, holding(0xa0, p256()), publicHalf)));
    }),
  ),
  "a length in the key has more bytes than it must": text(
    "load",
    "key",
    rewriteKey((d) => {
      const padded: Element = { ...holding(0xa0, p256()), length: "padded" };
      return pemOf("EC PRIVATE KEY", writeElement(sec1(d, padded)));
    }),
  ),
  "key has a version that there is not": text(
    "load",
    "key",
    rewriteKey((d) => {
      const key = holding(0x30, integer(2), primitive(0x04, d), holding(0xa0, p256()));
      return pemOf("EC PRIVATE KEY", writeElement(key));
    }),
  ),
  "key's number is 0": text(
    "load",
    "key",
    rewriteKey(() => pemOf("EC PRIVATE KEY", writeElement(sec1(Buffer.alloc(32), holding(0xa0, p256()))))),
  ),
  "key follows a BEGIN line": text("accepted", "key", (whole) => `-----BEGIN PRIVATE KEY-----\n${whole}`),
  "key ends with blank lines": ends("accepted", "key", "\n\n"),
  "key is empty": text("load", "key", () => ""),
  "key's end is cut off": text("load", "key", (whole) => whole.slice(0, -50)),
} as const satisfies Readonly<Record<string, Trap>>;

/** Sound credentials with one trap each. */
export function allTraps(): Recipe[] {
  return Object.entries(traps).map(([name, { apply }]) => trapped(name, apply));
}

function trapped(name: string, apply: Trap["apply"]): Recipe {
  const recipe = soundRecipe();
  recipe.changes.push(name);
  apply(recipe);
  return recipe;
}
