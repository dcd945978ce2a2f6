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
  { objects }: Pick<Cluster, "objects">,
  reference: ObjectReference,
): Promise<ObjectMarks | undefined> {
  const { apiVersion, kind, name, namespace } = reference;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const read = objects.read({ apiVersion, kind, metadata }).catch((error: Error) => {
    // The API server knows the group, and not the kind.
    if (error.message.startsWith("Unrecognized API version and kind")) return undefined;
    throw error;
  });
  const object = await found(nameOf(reference), read);
  if (object === undefined) return undefined;
  const { labels = {}, annotations = {}, managedFields = [] } = object.metadata ?? {};
  const managers = managedFields.flatMap(({ manager }) => manager ?? []);
  return { labels, annotations, managers: [...new Set(managers)] };
}
