/** Credentials at random: a sound mesh of some shape or a rotation, a few known traps, a few random faults, and damage to the texts. */
import { Extension } from "@peculiar/x509";
import * as fc from "fast-check";
import { type Reshaping, reshapings } from "./der.ts";
import { type Draw, randomEdit } from "./randomEdit.ts";
import {
  type AuthorityRecipe,
  hashes,
  keyNames,
  nameTypeNames,
  type Recipe,
  soundAnchor,
  soundRecipe,
  type TextName,
  timeFormats,
} from "./recipe.ts";
import { randomRotation } from "./rotation.ts";
import { addIntermediate, clientAuthentication, serverAuthentication, traps } from "./traps.ts";

/** The same seed gives the same recipes; keys and signatures are new each time. */
export function randomRecipes(seed: number, count: number): Recipe[] {
  const recipe = fc.gen().map((generate) => {
    const draw: Draw = (arbitrary) => generate(() => arbitrary);
    return randomRecipe(draw);
  });
  return fc.sample(recipe, { seed, numRuns: count });
}

function randomRecipe(draw: Draw): Recipe {
  const recipe = soundRecipe();
  const isRotation = draw(fc.constantFrom(true, false, false));
  isRotation ? randomRotation(recipe, draw) : shape(recipe, draw);
  // Every fault hides others behind it, so most sets have one or two, and some have none.
  const faults = isRotation ? [0, 0, 0, 1] : [0, 1, 1, 1, 1, 2, 2, 3];
  for (let left = draw(fc.constantFrom(...faults)); left > 0; left--) {
    draw(fc.constantFrom(trap, fault, fault, edit))(recipe, draw);
  }
  return recipe;
}

/** What varies between meshes that are all sound. */
function shape(recipe: Recipe, draw: Draw): void {
  const { authorities, bundle } = recipe;
  const extra = draw(fc.constantFrom(0, 0, 1, 2));
  for (const label of (["anchor 2", "anchor 3"] as const).slice(0, extra)) {
    authorities[label] = soundAnchor(label);
    bundle.push(label);
  }
  if (draw(fc.boolean())) bundle.reverse();
  for (const label of (["intermediate 2", "intermediate 1"] as const).slice(
    0,
    draw(fc.constantFrom(0, 0, 0, 1, 2)),
  )) {
    addIntermediate(recipe, label);
  }
  // Intermediates are added from the top: what signs the issuer now is the lowest.
  recipe.chain = ["issuer"];
  for (let { signer } = authorities.issuer!; !bundle.includes(signer); { signer } = authorities[signer]!) {
    recipe.chain.push(signer);
  }
  if (draw(fc.constantFrom(true, false, false))) {
    for (const authority of Object.values(authorities)) {
      authority.subjectKeyIdentifier = authority.authorityKeyIdentifier = "none";
    }
  }
  recipe.key.encoding = draw(fc.constantFrom("pkcs8", "native"));
  recipe.changes.push(`${bundle.length} anchors, ${recipe.chain.length - 1} intermediates`);
}

/** Tags and contents of elements that are at home somewhere in a certificate or a key, and some that are so nowhere. */
const elements = fc.constantFrom(
  // Truth, numbers, nothing
  ...["01 ff", "01 00", "01 01", "02 00", "02 02", "02 ff", "02 0080", "02 0001", "02 ", "05 ", "05 00"],
  "02 00ffffffffffffffffffffffffffffffffffffffff",
  // Bit strings, octet strings
  ...[
    "03 00",
    "03 00ff",
    "03 0780",
    "03 05a0",
    "03 07ff",
    "03 09ff",
    "03 0106",
    "03 ",
    "04 ",
    "04 00",
    "04 010203",
  ],
  // Object identifiers: common name, organisation, P-256, P-384, ECDSA with SHA-256, server authentication, odd ones
  ...["06 550403", "06 55040a", "06 2a8648ce3d030107", "06 2b81040022", "06 2a8648ce3d040302"],
  ...["06 2b06010505070301", "06 ", "06 80", "06 2a8003"],
  // Texts: UTF-8, printable, IA5, teletex, BMP, universal, visible, numeric; sound and not
  ...[
    "0c 41",
    "0c ff",
    "0c 00",
    "13 41",
    "13 2a",
    "13 40",
    "13 ff",
    "16 41",
    "16 ff",
    "14 ff",
    "1e 0041",
    "1e 41",
  ],
  ...["1e d800", "1c 00000041", "1a 41", "12 31", "12 41", "0c ", "13 "],
  // Times
  ...[
    "491231235959Z",
    "4912312359Z",
    "490230235959Z",
    "491231235959",
    "491231235959+0000",
    "501231235959Z",
  ].map((time) => `17 ${Buffer.from(time).toString("hex")}`),
  ...[
    "20491231235959Z",
    "20491231235959.5Z",
    "20491231235959+0100",
    "20491231235960Z",
    "99991231235959Z",
  ].map((time) => `18 ${Buffer.from(time).toString("hex")}`),
  // Nests
  ...[
    "30 ",
    "31 ",
    "30 0101ff",
    "30 0101ff020100",
    "a0 ",
    "a0 020100",
    "a0 020102",
    "a3 3000",
    "a1 00",
    "a2 00",
  ],
  ...[
    "82 41",
    "82 ff",
    "87 01020304",
    "87 010203",
    "86 61",
    "81 614062",
    "a4 30023100",
    "88 55",
    "1f 00",
    "ff 00",
  ],
);

const reshaping: fc.Arbitrary<Reshaping> = fc.record({
  place: fc.nat(90),
  way: fc.constantFrom(...reshapings, "replaced", "replaced", "put before"),
  other: elements,
});

/** Extensions: those that Go, OpenSSL or our rules know, and one that nobody does. */
const extensionTypes = [
  ...["14", "15", "16", "17", "18", "19", "30", "31", "32", "33", "35", "36", "37", "54"].map(
    (end) => `2.5.29.${end}`,
  ),
  ...[
    "1.3.6.1.5.5.7.1.1",
    "1.3.6.1.5.5.7.1.7",
    "1.3.6.1.5.5.7.1.8",
    "1.3.6.1.5.5.7.1.14",
    "1.3.6.1.5.5.7.1.24",
    "2.16.840.1.113730.1.1",
    "1.2.3.4",
  ],
];
const extensionValues = [
  ...["", "3000", "0500", "30030101ff", "03020106", "03020780", "03020204", "0403414243", "30060101ff020100"],
  // Alternative names: DNS, address, the empty one, a wrong address, a resource, another name
  ...[
    "30038201 61",
    "30068704 7f000001",
    "30028200",
    "30058703 7f0000",
    "300a8608 68747470 3a2f2f61",
    "3006a0040602 2a03",
  ],
  // Key identifiers
  ...["30028000", "300580030102 03", "3003820101"],
  // Name constraints that permit or exclude a, or an address
  ...["3007a005 3003 820161", "3007a105 3003 820161", "3010a00e 300c 8708 7f000000ff000000"],
  // Policies: any, one; inhibited; policy constraints; mappings
  ...["3008 3006 0604551d2000", "300630040602 2a03", "020100", "3003800100", "300a3008 0602 2a03 0602 2a04"],
  // Purposes: any, TLS servers and clients, clients alone
  ...["3006 0604551d2500", "301406082b06010505070301 06082b06010505070302", "300a06082b06010505070302"],
].map((value) => value.replaceAll(" ", ""));

/** A known trap. */
function trap(recipe: Recipe, draw: Draw): void {
  const name = draw(fc.constantFrom(...(Object.keys(traps) as (keyof typeof traps)[])));
  recipe.changes.push(name);
  traps[name].apply(recipe);
}

/** One thing about one authority that is not as it should be, or may be otherwise. */
function fault({ authorities, changes, bundle, chain, key }: Recipe, draw: Draw): void {
  const label = draw(fc.constantFrom(...Object.keys(authorities)));
  const authority = authorities[label]!;
  const labels = fc.constantFrom(...Object.keys(authorities));
  const faults: Readonly<Record<string, () => unknown>> = {
    key: () => (authority.key = draw(fc.constantFrom(...keyNames))),
    signer: () => (authority.signer = draw(labels)),
    forged: () => (authority.signedWith = draw(fc.constantFrom(...keyNames))),
    hash: () => (authority.hash = draw(fc.constantFrom(...hashes))),
    "RSA and its padding": () => {
      const { signer } = authority;
      authorities[signer]!.key = draw(fc.constantFrom("RSA 2048", "RSA 2048", "RSA 4096", "RSA for PSS"));
      authority.padding = draw(fc.constantFrom("PKCS1", "PSS"));
      authority.hash = draw(fc.constantFrom("SHA-256", "SHA-256", ...hashes));
      return `${authorities[signer]!.key} ${authority.padding} ${authority.hash}`;
    },
    hours: () =>
      (authority.hours = draw(
        fc.constantFrom(
          [-2, 2],
          [-2, 20],
          [-50, -1],
          [1, 100],
          [-1, 25],
          [-1, 87_600],
          [-1, 438_000],
          [-700_000, 100],
        ),
      )),
    time: () => (authority.endTime = draw(fc.constantFrom(...timeFormats))),
    serial: () =>
      (authority.serialNumber = draw(
        fc.constantFrom(
          "00",
          "01",
          "ff",
          "80",
          "0001",
          "",
          "7f".repeat(20),
          "7f".repeat(21),
          "7f".repeat(200),
        ),
      )),
    version: () => (authority.version = 1),
    constraints: () =>
      (authority.basicConstraints = draw(
        fc.option(fc.record({ ca: fc.boolean(), pathLength: fc.nat(3) }, { requiredKeys: ["ca"] }), {
          nil: undefined,
        }),
      )),
    usages: () =>
      (authority.keyUsages = draw(
        fc.option(fc.oneof(fc.integer({ min: 0, max: 511 }), fc.constantFrom(4, 6, 36, 260)), {
          nil: undefined,
        }),
      )),
    purposes: () =>
      (authority.extendedKeyUsages = draw(
        fc.uniqueArray(fc.constantFrom(serverAuthentication, clientAuthentication, "2.5.29.37.0", "1.2.3"), {
          minLength: 1,
        }),
      )),
    identifiers: () => {
      authority.subjectKeyIdentifier = draw(fc.constantFrom("right", "wrong", "none"));
      authority.authorityKeyIdentifier = draw(fc.constantFrom("right", "wrong", "none"));
      return `${authority.subjectKeyIdentifier} ${authority.authorityKeyIdentifier}`;
    },
    name: () =>
      (authority.commonName = draw(
        fc.constantFrom(
          ...names(authorities),
          "Example, Corporation",
          "",
          undefined,
          "é",
          "a".repeat(300),
          "a\0b",
        ),
      )),
    "name's type": () =>
      (authority.nameType = {
        own: draw(fc.constantFrom(...nameTypeNames)),
        inOthers: draw(fc.constantFrom(...nameTypeNames)),
      }),
    "name's one type": () => {
      const own = draw(fc.constantFrom(...nameTypeNames));
      authority.nameType = { own, inOthers: own };
      return own;
    },
    extension: () => {
      const type = draw(fc.constantFrom(...extensionTypes));
      const critical = draw(fc.boolean());
      const value = draw(fc.constantFrom(...extensionValues));
      authority.otherExtensions.push(new Extension(type, critical, Buffer.from(value, "hex")));
      return `${type} ${critical ? "critical " : ""}${value}`;
    },
    reshaped: () => {
      const drawn = draw(reshaping);
      authority.reshapings.push(drawn);
      return drawn;
    },
    "reshaped key": () => {
      const drawn = draw(reshaping);
      key.reshapings.push(drawn);
      return drawn;
    },
    damage: () => {
      const place = draw(fc.oneof(fc.nat(80), fc.nat(2_000)));
      const xor = draw(fc.integer({ min: 1, max: 255 }));
      const signedAgain = draw(fc.constantFrom(true, true, false));
      authority.damage.push({ place, xor, signedAgain });
      return `${place} ^ ${xor}${signedAgain ? ", signed again" : ""}`;
    },
    "cross-signed": () => {
      const crossed = draw(labels);
      const twin = `${crossed} crossed`;
      authorities[twin] = { ...authorities[crossed]!, signer: label };
      const position = chain.indexOf(crossed) + 1;
      draw(fc.boolean())
        ? chain.splice(position === 0 ? chain.length : position, 0, twin)
        : bundle.push(twin);
      return `${crossed} in ${chain.includes(twin) ? "the chain" : "the bundle"}`;
    },
    bundle: () => bundle.push(draw(labels)),
    chain: () => chain.push(draw(labels)),
    order: () => chain.reverse(),
    keyOf: () => (key.of = draw(labels)),
  };
  const often = ["damage", "damage", "extension", "extension", "reshaped", "reshaped", "reshaped"];
  const name = draw(fc.constantFrom(...Object.keys(faults), ...often));
  changes.push(`${label}: ${name} ${JSON.stringify(faults[name]!()) ?? ""}`);
}

const names = (authorities: Readonly<Record<string, AuthorityRecipe>>) =>
  Object.values(authorities).map(({ commonName }) => commonName);

/** Something done to a text. */
function edit({ edits, changes }: Recipe, draw: Draw): void {
  const name = draw(fc.constantFrom<TextName>("bundle", "issuer", "key"));
  const { words, change } = randomEdit(draw);
  changes.push(`${name}: ${words}`);
  edits[name].push(change);
}
