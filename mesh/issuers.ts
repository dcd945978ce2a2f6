/** cert-manager issuers, of any group and kind, and the Secrets that they need. */
import type { V1ObjectMeta } from "@kubernetes/client-node";
import type { Condition, IssuerReference } from "./certManager.ts";
import type { Cluster } from "./cluster.ts";
import { found, requested } from "./requests.ts";

interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/** An issuer, as far as its kind has these parts. */
export interface Issuer {
  readonly metadata?: V1ObjectMeta;
  readonly spec?: {
    readonly ca?: { readonly secretName: string };
    readonly vault?: {
      readonly auth: {
        readonly tokenSecretRef?: SecretKey;
        readonly appRole?: { readonly secretRef: SecretKey };
      };
    };
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface IssuerLookup {
  /** Whether the cluster has the kind; if not, whether it has a namespace is not known. */
  readonly isKnown: boolean;
  readonly isNamespaced: boolean;
  /** Absent if it does not exist. */
  readonly issuer?: Issuer | undefined;
}

/** The Secret with which an issuer signs, or logs in, and the keys that it needs there. */
export function secretOf({ spec }: Issuer): { readonly name: string; readonly keys: string[] } | undefined {
  if (spec?.ca !== undefined) return { name: spec.ca.secretName, keys: ["tls.crt", "tls.key"] };
  const login = spec?.vault?.auth.tokenSecretRef ?? spec?.vault?.auth.appRole?.secretRef;
  return login && { name: login.name, keys: [login.key] };
}

export async function findIssuer(
  { groups, custom }: Pick<Cluster, "groups" | "custom">,
  namespace: string,
  { group, kind, name }: Required<IssuerReference>,
): Promise<IssuerLookup> {
  const served = await requested("API groups of the cluster", groups.getAPIVersions());
  const { preferredVersion, versions = [] } = served.groups.find((one) => one.name === group) ?? {};
  // A kind need not be served in the version that its group prefers.
  const candidates = new Set([preferredVersion, ...versions].flatMap((one) => one?.version ?? []));
  for (const version of candidates) {
    const listed = custom.getAPIResources({ group, version });
    const { resources } = await requested(`Resources of ${group}/${version}`, listed);
    const resource = resources.find((one) => one.kind === kind && !one.name.includes("/"));
    if (resource === undefined) continue;
    const object = { group, version, plural: resource.name, name };
    const issuer: Issuer | undefined = await found(
      `${kind}.${group} ${name}`,
      resource.namespaced
        ? custom.getNamespacedCustomObject({ ...object, namespace })
        : custom.getClusterCustomObject(object),
    );
    return { isKnown: true, isNamespaced: resource.namespaced, issuer };
  }
  return { isKnown: false, isNamespaced: true };
}
