/**
 * Looks what a change of the trust anchors would do to the mesh that runs: by its bundle, by the stack's state, and by the
 * pods that live there.
 */
import type { PemText } from "../../rules/credentials/pemText.ts";
import type { Finding } from "../../rules/finding.ts";
import {
  checkAnchorChange,
  leavingAnchors,
  needsHolders,
  type PlannedAnchors,
} from "../../rules/mesh/anchorChange.ts";
import { checkProtection } from "../../rules/mesh/anchorProtection.ts";
import type { LeafLifetimes } from "./anchorHolders.ts";
import type { ExportState } from "./ownState.ts";
import { protectedGenerations } from "./protectedGenerations.ts";
import type { Run } from "./run.ts";

/** The mesh whose anchors are going to change. */
interface ChangingMesh {
  readonly planned: PlannedAnchors;
  /** The bundle of the mesh that runs. */
  readonly running: PemText;
  /** Of its control plane. */
  readonly namespace: string;
  /** Of its proxies' certificates, as far as they are known. */
  readonly lifetimes: { readonly [Name in keyof LeafLifetimes]: string | undefined };
}

/**
 * What is wrong with the anchors that are planned.
 *
 * @param exportState gives the stack's state in JSON; it is asked only if an anchor would go.
 */
export async function findAnchorMisfits(
  { look, isPreview, onUnproven }: Pick<Run, "look" | "isPreview" | "onUnproven">,
  { planned, running, namespace, lifetimes }: ChangingMesh,
  exportState: ExportState,
): Promise<readonly Finding[]> {
  const isLeaving = leavingAnchors(running, planned).length > 0;
  const changes = [...checkAnchorChange(running, planned)];
  if (isLeaving) changes.push(...checkProtection(running, planned, await protectedGenerations(exportState)));
  if (changes.length > 0) return changes;
  const unproven = (error: Error) => {
    onUnproven(error);
    return [];
  };
  const refusing = needsHolders(running, planned)
    ? await look("findRefusingPods", planned, namespace).catch(unproven)
    : [];
  if (refusing.length > 0 || !isLeaving) return refusing;
  // What someone else has signed stays as it is, whatever this run does.
  const needed =
    planned.signing === undefined ? await look("findNeededByIssuer", planned, namespace).catch(unproven) : [];
  if (needed.length > 0) return needed;
  // To ask every proxy takes longer than a preview may.
  if (isPreview)
    return unproven(
      new Error("Only pulumi up asks every proxy whether its certificate leads to an anchor that stays."),
    );
  const { issuanceLifetime, clockSkewAllowance } = lifetimes;
  if (issuanceLifetime === undefined || clockSkewAllowance === undefined) {
    return unproven(
      new Error("identityIssuer.issuanceLifetime or clockSkewAllowance is not known before the run."),
    );
  }
  return look("findNeededAnchors", planned, namespace, { issuanceLifetime, clockSkewAllowance }).catch(
    unproven,
  );
}
