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
import { type ExportState, protectedGenerations } from "./protectedGenerations.ts";
import type { Run } from "./run.ts";

/**
 * What is wrong with the anchors that are planned.
 *
 * @param running the bundle of the mesh that runs.
 * @param namespace of its control plane.
 * @param exportState gives the stack's state in JSON; it is asked only if an anchor would go.
 */
export async function findAnchorMisfits(
  { look, onUnproven }: Pick<Run, "look" | "onUnproven">,
  planned: PlannedAnchors,
  running: PemText,
  namespace: string,
  exportState: ExportState,
): Promise<readonly Finding[]> {
  const changes = [...checkAnchorChange(running, planned)];
  if (leavingAnchors(running, planned).length > 0) {
    changes.push(...checkProtection(running, planned, await protectedGenerations(exportState)));
  }
  if (changes.length > 0 || !needsHolders(running, planned)) return changes;
  return look("findRefusingPods", planned, namespace).catch((error: Error) => {
    onUnproven(error);
    return [];
  });
}
