/**
 * Which anchors are a cluster's own, and which its linked clusters hold, as the multicluster extension is about to say it:
 * https://github.com/linkerd/linkerd2/pull/15398, open as of November 2026. Where nothing says it, nothing is shown.
 */
import type { V1ObjectMeta } from "@kubernetes/client-node";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { localTrustRootsName, trustRootsKey } from "../rules/linkerdNames.ts";
import type { Mesh } from "./cluster.ts";
import { found, ifAllowed } from "./requests.ts";
import { certificatesOf } from "./trust.ts";

export interface SharedTrust {
  /** Those of the bundle that are this cluster's own; absent if nothing keeps them apart. */
  readonly own?: readonly ParsedCertificate[] | undefined;
  readonly linked: readonly LinkedCluster[];
}

/** What a Link's service mirror has last read in the cluster that it leads to. */
export interface LinkedCluster {
  readonly cluster: string;
  readonly link: { readonly namespace: string; readonly name: string };
  /** Absent if that cluster does not keep them apart. */
  readonly own?: readonly ParsedCertificate[] | undefined;
  /** What its proxies trust. */
  readonly bundle: readonly ParsedCertificate[];
  /** It gets older if that cluster cannot be reached. */
  readonly readAt?: Date | undefined;
}

interface Link {
  readonly metadata: V1ObjectMeta;
  readonly spec?: { readonly targetClusterName?: string };
  readonly status?: {
    readonly trustRoots?: {
      readonly targetClusterLocalTrustRoots?: string;
      readonly targetClusterFullTrustRoots?: string;
      readonly lastSyncedTime?: string;
    };
  };
}

/** The version of Links that says it; older ones do not. */
const links = { group: "multicluster.linkerd.io", version: "v1alpha3", plural: "links" };

/**
 * @param onForbidden hears what this user may not look at.
 * @returns `undefined` if nothing says anything.
 */
export async function readSharedTrust(
  { core, custom, namespace }: Pick<Mesh, "core" | "custom" | "namespace">,
  onForbidden: (reason: string) => void,
): Promise<SharedTrust | undefined> {
  const name = localTrustRootsName;
  const listed: Promise<{ items: Link[] }> = custom.listClusterCustomObject(links);
  const [local, list] = await Promise.all([
    ifAllowed(
      found(`ConfigMap ${namespace}/${name}`, core.readNamespacedConfigMap({ name, namespace })),
      onForbidden,
    ),
    ifAllowed(found(`${links.plural}.${links.group} of every namespace`, listed), onForbidden),
  ]);
  const own = local && anchorsOf(`ConfigMap ${namespace}/${name}`, local.data?.[trustRootsKey]);
  const linked = (list?.items ?? []).flatMap(({ metadata, spec, status }): LinkedCluster[] => {
    const { trustRoots } = status ?? {};
    if (trustRoots === undefined) return [];
    const link = { namespace: metadata.namespace!, name: metadata.name! };
    const field = `Link ${link.namespace}/${link.name}`;
    const {
      targetClusterLocalTrustRoots: localText,
      targetClusterFullTrustRoots: text,
      lastSyncedTime,
    } = trustRoots;
    return [
      {
        cluster: spec?.targetClusterName ?? link.name,
        link,
        // It is empty where that cluster has none.
        own: localText ? anchorsOf(field, localText) : undefined,
        bundle: anchorsOf(field, text),
        readAt: lastSyncedTime === undefined ? undefined : new Date(lastSyncedTime),
      },
    ];
  });
  return own === undefined && linked.length === 0 ? undefined : { own, linked };
}

const anchorsOf = (field: string, text = "") => certificatesOf({ field, text });
