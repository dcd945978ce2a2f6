/**
 * Which generations of the trust anchor vouch for each other, so that a new one can sign before every proxy trusts it.
 *
 * A cross certificate has a root's subject and key, and another root's signature. Behind the identity issuer in a proxy's
 * chain, it leads whoever trusts the older root there; whoever trusts the newer one stops at its own root, which has the
 * same name and key.
 */
import type { Settings } from "./settings.ts";
import { distrustedGenerations, signingGeneration } from "./settings.ts";

/** A generation, and the one that vouches for it. */
export interface CrossSigning {
  readonly generation: number;
  /** The one before it in the list. */
  readonly by: number;
}

/**
 * Who vouches for the signing generation, and who for that one, down to the oldest that is listed; none where the oldest
 * signs, or someone else does, or nothing is to be cross-signed.
 *
 * It ends where a key is missing: what is below has to be trusted by every proxy before. And it ends where one is distrusted.
 */
export function crossSignings(settings: Settings): readonly CrossSigning[] {
  const { generations, crossSign } = settings.trustAnchor;
  const signing = signingGeneration(settings);
  if (!crossSign || signing === undefined) return [];
  const distrusted = distrustedGenerations(settings);
  const links: CrossSigning[] = [];
  for (let index = generations.indexOf(signing); index > 0; index -= 1) {
    const link = { generation: generations[index]!, by: generations[index - 1]! };
    if (distrusted.includes(link.by) || !canCrossSign(settings, link)) break;
    links.push(link);
  }
  return links;
}

/** Whether there is a cross certificate, or both keys that it takes to make one. */
function canCrossSign({ trustAnchor: { provided } }: Settings, { generation, by }: CrossSigning): boolean {
  const hasKey = (one: number) => provided[one] === undefined || provided[one].privateKeyPem !== undefined;
  return provided[generation]?.crossCertificatePem !== undefined || (hasKey(generation) && hasKey(by));
}
