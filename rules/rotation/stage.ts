/** Where a stack is in the rotation of its trust anchor. Nothing but its settings says so, and each step is one edit of them. */
import { type CrossSigning, crossSignings } from "../settings/crossSigning.ts";
import type { Settings } from "../settings/settings.ts";
import { distrustedGenerations, signingGeneration } from "../settings/settings.ts";

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
}

/** `undefined` where no generation of the stack signs: someone else's authority, or an anchor that the cluster keeps. */
export function stageOf(settings: Settings): Stage | undefined {
  const { generations } = settings.trustAnchor;
  const signing = signingGeneration(settings);
  if (signing === undefined) return undefined;
  const crossSigned = crossSignings(settings);
  const distrusted = distrustedGenerations(settings);
  const stage = { generations, signing, distrusted, crossSigned };
  if (generations.length === 1) return { ...stage, name: "idle" };
  if (distrusted.length > 0) return { ...stage, name: "distrusted" };
  if (generations.at(-1) !== signing) return { ...stage, name: "distributed" };
  return { ...stage, name: crossSigned.length > 0 ? "vouched" : "alone" };
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
