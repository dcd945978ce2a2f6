/**
 * Where a stack is in the rotation of its trust anchor. Its settings say so, and each step is one edit of them; but where
 * someone else signs, no setting says with which generation, and the issuer that is stored does.
 */
import { isSameAuthority, type ParsedCertificate } from "../credentials/certificate.ts";
import { chainToAnchor } from "../credentials/chain.ts";
import { type CrossSigning, crossSignings } from "../settings/crossSigning.ts";
import type { Settings } from "../settings/settings.ts";
import { distrustedGenerations, signedElsewhere, signingGeneration } from "../settings/settings.ts";

/**
 * - `idle`: one generation is trusted, and it signs.
 * - `distributed`: the next one is trusted as well, and does not sign yet.
 * - `vouched`: the next one signs, by the word of the one before.
 * - `alone`: the next one signs, and nobody vouches for it; the one before is still trusted.
 * - `distrusted`: the next one signs, and the mesh trusts it alone; the one before is there until no pod holds it.
 */
export type StageName = "idle" | "distributed" | "vouched" | "alone" | "distrusted";

export interface Stage {
  readonly name: StageName;
  /** Oldest first. */
  readonly generations: readonly number[];
  readonly signing: number;
  /** Those of them whose key may be in someone else's hands. */
  readonly distrusted: readonly number[];
  /** Who vouches for the signing generation, and who for that one. */
  readonly crossSigned: readonly CrossSigning[];
  /** The setting by which someone else signs with that generation; absent if this stack does. */
  readonly elsewhere?: string;
}

/**
 * The stage of a stack; `undefined` where nothing says which generation signs, and where the cluster keeps the anchor.
 *
 * @param led the generation to which the issuer of someone else's leads, as it is stored; `undefined` if that is none.
 */
export function stageOf(settings: Settings, led?: number): Stage | undefined {
  const { generations, source } = settings.trustAnchor;
  const elsewhere = signedElsewhere(settings);
  const signing = elsewhere !== undefined && source === "stack" ? led : signingGeneration(settings);
  if (signing === undefined) return undefined;
  const crossSigned = crossSignings(settings);
  const distrusted = distrustedGenerations(settings);
  const stage = { generations, signing, distrusted, crossSigned, ...(elsewhere && { elsewhere }) };
  if (generations.length === 1) return { ...stage, name: "idle" };
  if (distrusted.length > 0) return { ...stage, name: "distrusted" };
  if (generations.at(-1) !== signing) return { ...stage, name: "distributed" };
  return { ...stage, name: crossSigned.length > 0 ? "vouched" : "alone" };
}

/** The generation to which an issuer leads by itself, whoever vouches for that one; `undefined` if to none of these. */
export function generationAbove(
  issuer: ParsedCertificate,
  following: readonly ParsedCertificate[],
  roots: ReadonlyMap<number, ParsedCertificate>,
  time: Date,
): number | undefined {
  const isRoot = (one: ParsedCertificate) => [...roots.values()].some((root) => isSameAuthority(one, root));
  const own = following.filter((one) => !isRoot(one));
  const found = [...roots].find(([, root]) => chainToAnchor(issuer, own, [root], time).chain !== undefined);
  return found?.[0];
}

/** The stage in a sentence's words. */
export function describeStage({ name, generations, signing, distrusted, crossSigned }: Stage): string {
  const others = generations.filter((generation) => generation !== signing);
  switch (name) {
    case "idle":
      return `generation ${signing} signs, and no rotation is under way`;
    case "distributed":
      return `generation ${signing} signs, and ${named(others)} is trusted as well`;
    case "vouched": {
      const vouchers = crossSigned.map(({ by }) => by).toReversed();
      return `generation ${signing} signs, and ${named(vouchers)} ${vouchers.length === 1 ? "vouches" : "vouch"} for it`;
    }
    case "alone":
      return `generation ${signing} signs alone, and ${named(others)} is still trusted`;
    case "distrusted":
      return `generation ${signing} signs alone, and ${named(distrusted)} is distrusted`;
  }
}

/** `generation 1`, or `generations 1 and 2`. */
export function named(generations: readonly number[]): string {
  return generations.length === 1
    ? `generation ${generations[0]}`
    : `generations ${generations.join(" and ")}`;
}
