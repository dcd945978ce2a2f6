/** Looks at the pods of the mesh, and at their certificates, before its anchors change. Without Pulumi, so that a thread of its own can look. */
import type { Cluster } from "../../mesh/cluster.ts";
import type { Finding } from "../../rules/finding.ts";
import type { PlannedAnchors } from "../../rules/mesh/anchorChange.ts";
import type { Demands } from "../../rules/rotation/gates.ts";

/** Of the certificates that proxies have, as Go durations. */
export type LeafLifetimes = Pick<Demands, "issuanceLifetime" | "clockSkewAllowance">;

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

/**
 * Whether every proxy has a certificate that leads to an anchor which stays, by the same evidence as before the last step of
 * a rotation. Each proxy is asked for it.
 *
 * @param namespace of its control plane.
 */
export async function findNeededAnchors(
  cluster: Cluster,
  planned: PlannedAnchors,
  namespace: string,
  lifetimes: LeafLifetimes,
): Promise<Finding[]> {
  const [{ readEvidence }, { leadsTo }, { broken }] = await Promise.all([
    import("../../mesh/rotationEvidence.ts"),
    import("../../rules/rotation/gates.ts"),
    import("../../rules/rules.ts"),
  ]);
  const evidence = await readEvidence({ ...cluster, namespace }, planned, true);
  const staying = planned.generations.filter((generation) => evidence.roots.has(generation));
  const { isOpen, demand, seen } = leadsTo(staying, evidence, evidence, lifetimes);
  if (isOpen) return [];
  return [broken("anchor-needed", { field: "trustAnchor.generations", message: `${demand} Seen: ${seen}.` })];
}
