/** Whether an anchor of the running mesh may go, by the protection that the stack's state has of it. */
import type { PemText } from "../credentials/pemText.ts";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { leavingAnchors, type PlannedAnchors } from "./anchorChange.ts";

/**
 * Refuses what Pulumi would refuse, when it has changed all else; and another root in the place of one that is listed, which
 * is never the same anchor.
 *
 * @param isProtected each generation of the stack's state; `undefined` if that is not known.
 */
export function* checkProtection(
  running: PemText,
  planned: PlannedAnchors,
  isProtected: ReadonlyMap<number, boolean> | undefined,
): Iterable<Finding> {
  const leaving = leavingAnchors(running, planned);
  const { generations, protection } = planned;
  const removed = [...(isProtected ?? [])].filter(([generation]) => !generations.includes(generation));
  const guarded = removed.filter(([, protects]) => protects).map(([generation]) => generation);
  const isExchange = leaving.length > removed.length;
  const inState =
    guarded.length > 0 ? `generation ${guarded.join(" and ")} is protected in the stack's state` : undefined;
  const why = isProtected === undefined || isExchange ? protection : inState;
  if (why === undefined) return;
  yield broken("anchor-protected", {
    field: "trustAnchor.generations",
    message: `[${generations.join(", ")}] would take ${leaving.join(", ")} out of the bundle of the running mesh (${running.field}), and ${why}: Pulumi would refuse to delete an anchor that the mesh no longer trusts.`,
  });
}
