/** Meshes whose trust anchor is being rotated: the next root's cross certificate follows the issuer. */
import * as fc from "fast-check";
import type { Draw } from "./randomEdit.ts";
import { type AuthorityRecipe, type Recipe, soundAnchor, soundAuthority } from "./recipe.ts";

const generations = ["anchor", "anchor 2", "anchor 3"] as const;
export type Generation = (typeof generations)[number];

/** How the changes of a random rotation begin. */
export const rotationBegins = "a rotation";

const crossOf = (root: string) => `${root} crossed`;

/** The cross certificate of a root: its subject and key, signed by another root. */
function addCross({ authorities }: Recipe, root: string, signer: string): string {
  const label = crossOf(root);
  authorities[label] = {
    ...authorities[root]!,
    signer,
    serialNumber: `6${authorities[root]!.serialNumber.slice(1)}`,
    hours: [-1, 8760],
    authorityKeyIdentifier: authorities[signer]!.subjectKeyIdentifier === "none" ? "none" : "right",
  };
  return label;
}

/** The last of so many generations signs the issuer, whose chain leads over their cross certificates to the first. */
export function rotate(recipe: Recipe, hops: 1 | 2, bundle: readonly Generation[]): void {
  const { authorities } = recipe;
  const roots = generations.slice(0, hops + 1);
  for (const label of roots) authorities[label] ??= soundAnchor(label);
  const crosses = roots.slice(1).map((root, index) => addCross(recipe, root, roots[index]!));
  authorities.issuer!.signer = roots.at(-1)!;
  recipe.chain = ["issuer", ...crosses.toReversed()];
  recipe.bundle = [...bundle];
}

/** A rotation that is sound, and up to two things about it that need not be. */
export function randomRotation(recipe: Recipe, draw: Draw): void {
  const hops = draw(fc.constantFrom<1 | 2>(1, 1, 2));
  const roots = generations.slice(0, hops + 1);
  const bundle = draw(fc.shuffledSubarray([...roots], { minLength: 1 }));
  rotate(recipe, hops, bundle);
  recipe.changes.push(`${rotationBegins} over ${hops}, trusting ${bundle.join(" and ")}`);
  for (let left = draw(fc.constantFrom(0, 1, 1, 1, 2)); left > 0; left--) variation(recipe, draw);
}

function variation(recipe: Recipe, draw: Draw): void {
  const { authorities, chain, bundle, changes } = recipe;
  const oneOf = <Value>(...values: readonly Value[]) => draw(fc.constantFrom(...values));
  const root = oneOf(...generations.filter((label) => crossOf(label) in authorities));
  const label = crossOf(root);
  const cross = authorities[label]!;
  const signer = authorities[cross.signer]!;
  const insert = (added: string) => chain.splice(draw(fc.integer({ min: 1, max: chain.length })), 0, added);
  const foreign = () => {
    authorities.foreign ??= soundAuthority("root.example", "stranger", "foreign", 87_600);
    return "foreign";
  };
  const variations: Readonly<Record<string, () => unknown>> = {
    ended: () => (cross.hours = [-100, -1]),
    "ends early": () => (cross.hours = oneOf([-1, 20] as const, [-1, 47] as const, [-1, 49] as const)),
    "not yet valid": () => (cross.hours = [1, 8760]),
    "its signer has ended": () => (signer.hours = [-100, -1]),
    "key identifier": () => (cross.subjectKeyIdentifier = oneOf("wrong", "none")),
    "authority's key identifier": () => (cross.authorityKeyIdentifier = oneOf("wrong", "none")),
    "root's key identifier": () => (authorities[root]!.subjectKeyIdentifier = oneOf("wrong", "none")),
    "issuer's authority": () => (authorities.issuer!.authorityKeyIdentifier = oneOf("wrong", "none")),
    "no key identifiers": () => {
      for (const authority of Object.values(authorities)) withoutIdentifiers(authority);
    },
    "an RSA root": () => {
      const key = oneOf("RSA 2048", "RSA 4096");
      // Not two roots with one key.
      if (Object.values(authorities).every((authority) => authority.key !== key))
        authorities[root]!.key = cross.key = key;
      return key;
    },
    "an RSA root before": () => {
      const first = authorities.anchor!;
      if (Object.values(authorities).every(({ key }) => key !== "RSA 2048")) first.key = "RSA 2048";
    },
    "another key": () => (cross.key = oneOf("stranger", "RSA 2048")),
    "another subject": () => (cross.commonName = oneOf("root.example", "identity.linkerd.cluster.local")),
    "subject in another type": () =>
      (cross.nameType = { own: "printableString", inOthers: cross.nameType.inOthers }),
    foreign: () => (cross.signer = foreign()),
    "a foreign one, too": () => {
      authorities["foreign cross"] = { ...cross, signer: foreign(), serialNumber: "6001" };
      insert("foreign cross");
    },
    forged: () => (cross.signedWith = "stranger"),
    backwards: () => {
      const back = addCross(recipe, cross.signer, root);
      oneOf(true, false) ? insert(back) : bundle.push(back);
      return back;
    },
    "in another order": () => {
      const [issuer, ...following] = chain;
      const order = draw(fc.shuffledSubarray(following, { minLength: following.length }));
      chain.splice(0, chain.length, issuer!, ...order);
      return order;
    },
    "missing in the chain": () => chain.splice(chain.indexOf(label), chain.includes(label) ? 1 : 0),
    "in the bundle": () => bundle.push(label),
    "a root beside it": () => {
      const beside = oneOf(...generations.filter((generation) => generation in authorities));
      insert(beside);
      return beside;
    },
    "path lengths": () => {
      const limited = oneOf(signer, cross, authorities[root]!);
      const pathLength = draw(fc.nat(3));
      limited.basicConstraints = { ca: true, pathLength };
      return [limited.commonName, pathLength];
    },
    "no authority": () => (cross.basicConstraints = { ca: false }),
    renewed: () => {
      authorities.renewed = { ...authorities[root]!, serialNumber: "6002", hours: [-1, 90_000] };
      oneOf(true, false) ? insert("renewed") : bundle.push("renewed");
    },
  };
  const name = oneOf(...Object.keys(variations));
  changes.push(`${label}: ${name} ${JSON.stringify(variations[name]!()) ?? ""}`);
}

function withoutIdentifiers(authority: AuthorityRecipe): void {
  authority.subjectKeyIdentifier = authority.authorityKeyIdentifier = "none";
}
