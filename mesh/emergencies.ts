/** Guarded objects that anyone may write by hand, since someone has given a reason (docs/guardrails.md, "In an emergency"). */
import type { guardedGroups } from "../rules/guard/guardedObjects.ts";
import { emergencyAnnotation, guardName } from "../rules/guard/policy.ts";
import type { Mesh } from "./cluster.ts";
import { findObject, type ObjectReference } from "./objects.ts";
import { found, ifAllowed } from "./requests.ts";

export interface Emergency {
  readonly object: ObjectReference;
  /** As the annotation has it. */
  readonly reason: string;
}

type Kind = Pick<ObjectReference, "apiVersion" | "kind"> & { readonly isOfTheCluster?: true };

/** The kind of each resource that the guard's list can have. */
const kinds: ReadonlyMap<string, Kind> = new Map(
  Object.entries({
    secrets: { apiVersion: "v1", kind: "Secret" },
    configmaps: { apiVersion: "v1", kind: "ConfigMap" },
    certificates: { apiVersion: "cert-manager.io/v1", kind: "Certificate" },
    issuers: { apiVersion: "cert-manager.io/v1", kind: "Issuer" },
    clusterissuers: { apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", isOfTheCluster: true },
    bundles: { apiVersion: "trust.cert-manager.io/v1alpha1", kind: "Bundle", isOfTheCluster: true },
  } satisfies Record<keyof typeof guardedGroups, Kind>),
);

/** The guard's list: a Role. */
interface GuardedList {
  readonly rules?: readonly {
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
}

/**
 * Looks at every guarded object; there is none where the guard is not installed.
 *
 * @param anchorNamespace where the anchor is that the cluster keeps, if it keeps one. Its key is not everyone's to read: what this
 * user may not look at outside of the mesh's namespace is passed over.
 * @param onForbidden hears what else this user may not look at.
 */
export async function readEmergencies(
  mesh: Mesh,
  anchorNamespace: string | undefined,
  onForbidden: (reason: string) => void,
): Promise<readonly Emergency[]> {
  const { custom, namespace } = mesh;
  const name = guardName(namespace);
  const role = { group: "rbac.authorization.k8s.io", version: "v1", plural: "roles", namespace, name };
  const request: Promise<GuardedList> = custom.getNamespacedCustomObject(role);
  const list = await ifAllowed(found(`Role ${namespace}/${name}`, request), onForbidden);
  const looks = guardedObjects(list, new Set([namespace, anchorNamespace ?? namespace])).map(
    async (object) => {
      const isPassedOver = object.namespace !== namespace;
      const marks = await ifAllowed(findObject(mesh, object), isPassedOver ? () => {} : onForbidden);
      const reason = marks?.annotations[emergencyAnnotation]?.trim() ?? "";
      return reason === "" ? [] : { object, reason };
    },
  );
  return (await Promise.all(looks)).flat();
}

/** As the guard takes its list: each name in each of the namespaces. */
function guardedObjects(list: GuardedList | undefined, namespaces: ReadonlySet<string>): ObjectReference[] {
  return (list?.rules ?? []).flatMap(({ resources = [], resourceNames = [] }) =>
    resources.flatMap((resource) => {
      const known = kinds.get(resource);
      if (known === undefined) return [];
      const { isOfTheCluster, ...kind } = known;
      const places = isOfTheCluster ? [undefined] : [...namespaces];
      return resourceNames.flatMap((name) => places.map((namespace) => ({ ...kind, name, namespace })));
    }),
  );
}
