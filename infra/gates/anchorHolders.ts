/** Looks at the pods of the mesh before its anchors change. Without Pulumi, so that a thread of its own can look. */
import type { Cluster } from "../../mesh/cluster.ts";
import type { Finding } from "../../rules/finding.ts";
import type { PlannedAnchors } from "../../rules/mesh/anchorChange.ts";

/**
 * Whether every pod of the mesh accepts what is going to sign.
 *
 * @param namespace of its control plane.
 */
export async function findRefusingPods(
  cluster: Cluster,
  planned: PlannedAnchors,
  namespace: string,
): Promise<Finding[]> {
  // What reads certificates is loaded only where an anchor changes.
  const [{ checkHolders }, { listMeshedPods, readHeldBundles }, { readTrust }] = await Promise.all([
    import("../../rules/mesh/anchorHolders.ts"),
    import("../../mesh/meshedPods.ts"),
    import("../../mesh/trust.ts"),
  ]);
  const mesh = { ...cluster, namespace };
  const [trust, pods] = await Promise.all([readTrust(mesh), listMeshedPods(mesh)]);
  return [...checkHolders(planned, await readHeldBundles(mesh, trust, pods), trust.anchors)];
}
