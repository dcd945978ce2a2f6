/** Credentials at random: a sound mesh of some shape, a few known traps, a few random faults, and damage to the texts. */
import { Extension } from "@peculiar/x509";
import * as fc from "fast-check";
import {
  type AuthorityRecipe,
  keyNames,
  type Recipe,
  soundAnchor,
  soundRecipe,
  type TextName,
} from "./recipe.ts";
import { addIntermediate, clientAuthentication, serverAuthentication, traps } from "./traps.ts";

type Draw = <Value>(arbitrary: fc.Arbitrary<Value>) => Value;

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
  shape(recipe, draw);
  // Every fault hides others behind it, so most sets have few, and some have none.
  const few = fc.constantFrom(0, 0, 1, 1, 1, 2, 3);
  const trapNames = Object.keys(traps) as (keyof typeof traps)[];
  for (let left = draw(few); left > 0; left--) {
    const name = draw(fc.constantFrom(...trapNames));
    recipe.changes.push(name);
    traps[name].apply(recipe);
  }
  for (let left = draw(few); left > 0; left--) fault(recipe, draw);
  for (let left = draw(fc.constantFrom(0, 0, 1, 2)); left > 0; left--) edit(recipe, draw);
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

/** One thing about one authority that is not as it should be, or may be otherwise. */
function fault({ authorities, changes, bundle, chain, key }: Recipe, draw: Draw): void {
  const label = draw(fc.constantFrom(...Object.keys(authorities)));
  const authority = authorities[label]!;
  const labels = fc.constantFrom(...Object.keys(authorities));
  const faults: Readonly<Record<string, () => unknown>> = {
    key: () => (authority.key = draw(fc.constantFrom(...keyNames))),
    signer: () => (authority.signer = draw(labels)),
    forged: () => (authority.signedWith = draw(fc.constantFrom(...keyNames))),
    hash: () => (authority.hash = draw(fc.constantFrom("SHA-1", "SHA-384", "SHA-512"))),
    hours: () =>
      (authority.hours = draw(
        fc.constantFrom([-2, 2], [-2, 20], [-50, -1], [1, 100], [-1, 25], [-1, 87_600]),
      )),
    constraints: () =>
      (authority.basicConstraints = draw(
        fc.option(fc.record({ ca: fc.boolean(), pathLength: fc.nat(3) }, { requiredKeys: ["ca"] }), {
          nil: undefined,
        }),
      )),
    usages: () =>
      (authority.keyUsages = draw(fc.option(fc.integer({ min: 1, max: 255 }), { nil: undefined }))),
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
      (authority.commonName = draw(fc.constantFrom(...names(authorities), "Example, Corporation", ""))),
    extension: () => {
      const type = draw(
        fc.constantFrom(
          "1.2.3.4",
          "2.5.29.14",
          "2.5.29.15",
          "2.5.29.17",
          "2.5.29.19",
          "2.5.29.30",
          "2.5.29.32",
          "2.5.29.36",
          "2.5.29.37",
        ),
      );
      const critical = draw(fc.boolean());
      const value = draw(
        fc.constantFrom("3000", "0500", "30030101ff", "03020106", "0403414243", "30060101ff020100", ""),
      );
      authority.otherExtensions.push(new Extension(type, critical, Buffer.from(value, "hex")));
      return `${type} ${critical ? "critical " : ""}${value}`;
    },
    damage: () => {
      const place = draw(fc.oneof(fc.nat(80), fc.nat(2_000)));
      const xor = draw(fc.integer({ min: 1, max: 255 }));
      const signedAgain = draw(fc.constantFrom(true, true, false));
      authority.damage.push({ place, xor, signedAgain });
      return `${place} ^ ${xor}${signedAgain ? ", signed again" : ""}`;
    },
    bundle: () => bundle.push(draw(labels)),
    chain: () => chain.push(draw(labels)),
    order: () => chain.reverse(),
    keyOf: () => (key.of = draw(labels)),
  };
  const name = draw(fc.constantFrom(...Object.keys(faults), "damage", "damage", "extension"));
  changes.push(`${label}: ${name} ${JSON.stringify(faults[name]!()) ?? ""}`);
}

const names = (authorities: Readonly<Record<string, AuthorityRecipe>>) =>
  Object.values(authorities).map(({ commonName }) => commonName);

/** Something done to a text. */
function edit({ edits, changes }: Recipe, draw: Draw): void {
  const name = draw(fc.constantFrom<TextName>("bundle", "issuer", "key"));
  const place = draw(fc.nat(3_000));
  const length = draw(fc.constantFrom(0, 0, 1, 2, 70));
  const put = draw(
    fc.oneof(
      fc.constantFrom(
        "",
        "\n",
        " ",
        "\r",
        "\t",
        "-",
        "A",
        "=",
        ":",
        "#",
        "\0",
        "\u00a0",
        "\v",
        "\f",
        "é",
        "\uFEFF",
      ),
      fc.constantFrom(
        "\n\n",
        "x: y\n",
        "# x\n",
        "-----BEGIN CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n",
        "-----BEGIN ",
        "-----\n",
      ),
      fc.string({ maxLength: 3 }),
    ),
  );
  const atLineEnd = draw(fc.boolean());
  const replaced = (whole: string) => {
    const anywhere = place % (whole.length + 1);
    const at = atLineEnd ? whole.indexOf("\n", anywhere) + 1 : anywhere;
    return whole.slice(0, at) + put + whole.slice(at + length);
  };
  const ways: Readonly<Record<string, (whole: string) => string>> = {
    replaced,
    begun: (whole) => put + whole,
    ended: (whole) => whole + put,
    trimmed: (whole) => whole.trimEnd(),
    "on one line": (whole) => whole.replaceAll(/([A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])/g, "$1"),
    indented: (whole) => whole.replaceAll("\n", "\n "),
    "with spaces at its line ends": (whole) => whole.replaceAll("\n", " \n"),
    "with Windows' line ends": (whole) => whole.replaceAll("\n", "\r\n"),
    twice: (whole) => whole + whole,
  };
  const way = draw(fc.constantFrom(...Object.keys(ways), "replaced", "replaced", "replaced"));
  changes.push(
    `${name}: ${way}${/replaced|begun|ended/.test(way) ? ` ${JSON.stringify({ place, length, put, atLineEnd })}` : ""}`,
  );
  edits[name].push(ways[way]!);
}
