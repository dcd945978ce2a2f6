/** What the pods of the mesh trust, and the certificates that their proxies have. */
import type { Mesh } from "../../mesh/cluster.ts";
import {
  countExternalWorkloads,
  type HeldBundle,
  listMeshedPods,
  type MeshedPod,
  readHeldBundles,
} from "../../mesh/meshedPods.ts";
import { type LeafReports, readLeafReports } from "../../mesh/prometheus.ts";
import { type ProxyLeaf, readLeaves } from "../../mesh/proxyLeaf.ts";
import { ifAllowed } from "../../mesh/requests.ts";
import type { Trust } from "../../mesh/trust.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";

export interface DataPlane {
  readonly pods: number;
  readonly bundles: readonly HeldBundle[];
  /** Workloads outside of the cluster; absent if they may not be counted. */
  readonly externalWorkloads?: number | undefined;
  /** Of the proxies that were asked. */
  readonly leaves: readonly ProxyLeaf[];
  /** Of all proxies, as far as Prometheus has them; absent without one. */
  readonly reports?: LeafReports | undefined;
}

/** Which proxies are asked for their leaves: all, or a sample. */
export type LeavesAsked = "all" | "sample";

/** Few enough to take no time, and enough for each of a small mesh's workloads. */
const sampleSize = 12;

/**
 * Looks at every pod of the mesh, and asks proxies for their leaves.
 *
 * @param others anchors by which a bundle may be told, beside those of the mesh's own.
 * @param onForbidden hears what this user may not look at.
 * @returns `undefined` if pods may not be listed.
 */
export async function readDataPlane(
  mesh: Mesh,
  trust: Trust,
  others: Promise<readonly ParsedCertificate[]>,
  asked: LeavesAsked,
  onForbidden: (reason: string) => void,
): Promise<DataPlane | undefined> {
  const [pods, externalWorkloads, reports] = await Promise.all([
    ifAllowed(listMeshedPods(mesh), onForbidden),
    ifAllowed(countExternalWorkloads(mesh), onForbidden),
    ifAllowed(readLeafReports(mesh), onForbidden),
  ]);
  if (pods === undefined) return undefined;
  const bundles = await readHeldBundles(mesh, trust, pods, await others);
  const chosen = asked === "all" ? pods : sampleOf(bundles, mesh.namespace);
  const leaves = await readLeaves(mesh, trust.purpose.trustDomain, chosen);
  return { pods: pods.length, bundles, externalWorkloads, leaves, reports };
}

/**
 * One pod of each workload and bundle, the oldest: it has refreshed its leaf most often, or failed to. The control plane's
 * come first, since everything depends on them.
 */
export function sampleOf(bundles: readonly HeldBundle[], controlPlane: string): readonly MeshedPod[] {
  const oldest = bundles.flatMap(({ pods }) =>
    [
      ...Map.groupBy(
        pods,
        ({ workload: { namespace, kind, name } }) => `${namespace}/${kind}/${name}`,
      ).values(),
    ].map((some) => some.reduce((one, other) => (other.createdAt < one.createdAt ? other : one))),
  );
  const isOurs = ({ namespace }: MeshedPod) => Number(namespace === controlPlane);
  return oldest
    .toSorted(
      (one, other) => isOurs(other) - isOurs(one) || one.createdAt.getTime() - other.createdAt.getTime(),
    )
    .slice(0, sampleSize);
}
