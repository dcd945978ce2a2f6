/** The anchor that cert-manager keeps, by the names of Linkerd's documentation, as the cluster has it. */
import { type Certificate, conditionOf, findAnchorCertificate } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { found } from "../../mesh/requests.ts";
import { previousTrustAnchorName, trustRootsName } from "../../rules/linkerdNames.ts";

export interface ClusterAnchor {
  /** Of the anchor's Certificate: cert-manager's own. Absent if there is none. */
  readonly namespace?: string | undefined;
  readonly isReady: boolean;
  readonly secretName?: string | undefined;
  readonly duration?: string | undefined;
  readonly renewBefore?: string | undefined;
  /** Whether trust-manager writes the bundle. */
  readonly hasBundle: boolean;
  /** Whether the Secret of the previous anchor, of which the certificate is enough, has its key as well. */
  readonly hasPreviousKey: boolean;
}

/** @throws Error if something of it may not be read. */
export async function findClusterAnchor(mesh: Mesh): Promise<ClusterAnchor> {
  const { custom, core } = mesh;
  const read = custom.getClusterCustomObject({
    ...{ group: "trust.cert-manager.io", version: "v1alpha1", plural: "bundles", name: trustRootsName },
  });
  const [anchor, bundle] = await Promise.all([
    findAnchorCertificate(mesh),
    found(`Bundle ${trustRootsName}`, read),
  ]);
  const namespace = anchor?.metadata.namespace;
  const name = previousTrustAnchorName;
  const previous =
    namespace === undefined
      ? undefined
      : await found(`Secret ${namespace}/${name}`, core.readNamespacedSecret({ namespace, name }));
  const spec: (Certificate["spec"] & { readonly renewBefore?: string }) | undefined = anchor?.spec;
  return {
    namespace,
    isReady: anchor !== undefined && conditionOf(anchor, "Ready")?.status === "True",
    secretName: spec?.secretName,
    duration: spec?.duration,
    renewBefore: spec?.renewBefore,
    hasBundle: bundle !== undefined,
    hasPreviousKey: (previous?.data?.["tls.key"] ?? "") !== "",
  };
}
