/**
 * The known traps, each with what Linkerd makes of it, by itself, on sound credentials. Random sets combine them.
 */
import { generateKeyPairSync } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Stage } from "./identityController.ts";
import { type Recipe, soundAnchor, soundAuthority, soundRecipe } from "./recipe.ts";

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

const unknownCritical = () => new x509.Extension("1.2.3.4", true, Buffer.from("0500", "hex"));
/** NameConstraints that permit one DNS domain, or exclude it. */
const nameConstraints = (domain: string, tag: "a0" | "a1") => {
  const name = Buffer.from(domain);
  const general = Buffer.concat([Buffer.of(0x82, name.length), name]);
  const subtree = Buffer.concat([Buffer.of(0x30, general.length), general]);
  const subtrees = Buffer.concat([Buffer.of(Number.parseInt(tag, 16), subtree.length), subtree]);
  return new x509.Extension("2.5.29.30", true, Buffer.concat([Buffer.of(0x30, subtrees.length), subtrees]));
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
  "issuer may not sign certificates": issuer("proxies", (it) => {
    it.keyUsages = x509.KeyUsageFlags.digitalSignature;
  }),
  "anchor may not sign certificates": anchor("load", (it) => {
    it.keyUsages = x509.KeyUsageFlags.digitalSignature;
  }),
  "issuer says nothing of its key's use": issuer("accepted", (it) => {
    it.keyUsages = undefined;
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
  "issuer is signed with SHA-384": issuer("accepted", (it) => {
    it.hash = "SHA-384";
  }),
  "issuer is signed with SHA-1": issuer("load", (it) => {
    it.hash = "SHA-1";
  }),
  "anchor is signed with SHA-1": anchor("accepted", (it) => {
    it.hash = "SHA-1";
  }),

  // Names
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
  "bundle is empty": text("load", "bundle", () => ""),
  "bundle is in DER": text("load", "bundle", (whole) =>
    Buffer.from(whole.split("\n").slice(1, -2).join(""), "base64").toString("latin1"),
  ),
  "issuer ends with a blank line": ends("load", "issuer", "\n"),
  "issuer ends with text": ends("load", "issuer", "subject=x\n"),
  "issuer begins with a comment": text("accepted", "issuer", (whole) => `# issuer\n${whole}`),
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
