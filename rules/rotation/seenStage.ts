/** Where a mesh is in the rotation of its trust anchor, as its certificates show it: without the stack's settings. */
import type { ParsedCertificate } from "../credentials/certificate.ts";
import type { Generation } from "../mesh/generations.ts";
import type { StageName } from "./stage.ts";

/** A stage that certificates show. A generation that is `distrusted` has left the bundle, which looks like `idle`. */
export type SeenStage = Exclude<StageName, "distrusted">;

export const seenStages: readonly SeenStage[] = ["idle", "distributed", "vouched", "alone"];

/** `undefined` if the identity issuer is below none of the generations, which alone says who signs. */
export function seenStage(generations: readonly Generation[]): SeenStage | undefined {
  const signing = generations.find(({ signs }) => signs);
  if (signing === undefined) return undefined;
  if (signing.vouchers.length > 0) return "vouched";
  const trusted = generations.filter(({ isInBundle }) => isInBundle);
  if (trusted.every((generation) => generation === signing)) return "idle";
  return trusted.some((generation) => isNewer(generation, signing)) ? "distributed" : "alone";
}

/** By their numbers, or else by when they were made: two anchors that are kept on the cluster have the same name. */
function isNewer(one: Generation, other: Generation): boolean {
  if (one.number !== undefined && other.number !== undefined && one.number !== other.number) {
    return one.number > other.number;
  }
  return madeAt(one.certificate) > madeAt(other.certificate);
}

const madeAt = ({ x509 }: ParsedCertificate) => x509.validFromDate.getTime();
