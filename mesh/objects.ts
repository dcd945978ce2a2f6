/** Any object of the cluster, and what it says of those who made it. */
import type { Cluster } from "./cluster.ts";
import { found } from "./requests.ts";

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent for an object of the whole cluster. */
  readonly namespace?: string | undefined;
}

/** What an object says of itself. */
export interface ObjectMarks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Names of the programs that have written it, such as `kubectl-create`. */
  readonly managers: readonly string[];
}

/** `Secret linkerd/linkerd-trust-anchor`. */
export function nameOf({ kind, name, namespace }: ObjectReference): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** What an object says of itself; `undefined` if the cluster has none of that name, or no such kind. */
export async function findObject(
  { metadata }: Pick<Cluster, "metadata">,
  reference: ObjectReference,
): Promise<ObjectMarks | undefined> {
  const object = await found(nameOf(reference), metadata(pathOf(reference)));
  if (object === undefined) return undefined;
  const { labels = {}, annotations = {}, managedFields = [] } = object;
  // A controller that reports its status has not made the object.
  const managers = managedFields.flatMap(({ manager, subresource }) =>
    manager === undefined || subresource !== undefined ? [] : [manager],
  );
  return { labels, annotations, managers: [...new Set(managers)] };
}

/** Where the API server has it. */
export function pathOf({ apiVersion, kind, name, namespace }: ObjectReference): string {
  const parts = [
    ...(apiVersion.includes("/") ? ["apis", apiVersion] : ["api", apiVersion]),
    ...(namespace === undefined ? [] : ["namespaces", namespace]),
    pluralOf(kind),
    name,
  ];
  return `/${parts.join("/")}`;
}

/** As Kubernetes' own clients guess it (apimachinery UnsafeGuessKindToResource): to ask for all kinds takes longer than all else. */
const pluralOf = (kind: string) => `${kind.toLowerCase().replace(/y$/, "ie").replace(/s$/, "se")}s`;
