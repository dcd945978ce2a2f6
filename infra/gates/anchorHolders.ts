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
  const { checkHolders, anchors, held } = await readHolders(cluster, namespace);
  return [...checkHolders(planned, held, anchors)];
}

/**
 * Whether every pod of the mesh accepts an issuer of someone else's.
 *
 * @param signer what has signed it, and the setting that names that.
 * @param text the issuer, and what follows it towards an anchor, in PEM.
 * @param namespace of the mesh's control plane.
 */
export async function findPodsRefusingIssuer(
  cluster: Cluster,
  signer: { readonly name: string; readonly field: string },
  text: string,
  namespace: string,
): Promise<Finding[]> {
  const { certificatesOf, checkIssuerHolders, held } = await readHolders(cluster, namespace);
  const [issuer, ...following] = certificatesOf({ field: signer.field, text });
  return [...checkIssuerHolders(signer, issuer!, following, held, new Date())];
}

/** What pods hold, and what judges it: what reads certificates is loaded only where an anchor or a signer changes. */
async function readHolders(cluster: Cluster, namespace: string) {
  const [rules, { listMeshedPods, readHeldBundles }, { certificatesOf, readTrust }] = await Promise.all([
    import("../../rules/mesh/anchorHolders.ts"),
    import("../../mesh/meshedPods.ts"),
    import("../../mesh/trust.ts"),
  ]);
  const mesh = { ...cluster, namespace };
  const [trust, pods] = await Promise.all([readTrust(mesh), listMeshedPods(mesh)]);
  return { ...rules, certificatesOf, anchors: trust.anchors, held: await readHeldBundles(mesh, trust, pods) };
}

/**
 * Whether the identity issuer of someone else's leads to an anchor which stays, as it is stored now; no run of this stack
 * changes it.
 *
 * @param namespace of the control plane.
 */
export async function findNeededByIssuer(
  cluster: Cluster,
  planned: PlannedAnchors,
  namespace: string,
): Promise<Finding[]> {
  const [{ readSigner }, { broken }, { identityIssuerName }] = await Promise.all([
    import("../../mesh/rotationEvidence.ts"),
    import("../../rules/rules.ts"),
    import("../../rules/linkerdNames.ts"),
  ]);
  if ((await readSigner({ ...cluster, namespace }, planned)) !== undefined) return [];
  const message = `Someone else signs the identity issuer, and what is in Secret ${namespace}/${identityIssuerName} leads to no anchor that would stay.`;
  return [broken("anchor-needed", { field: "trustAnchor.generations", message })];
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
