/** Helm's records of its releases: a Secret for each revision. */
import { gunzipSync } from "node:zlib";
import type { V1Secret } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { requested } from "./requests.ts";

/** The newest record of a release. */
export interface ReleaseRecord {
  readonly name: string;
  readonly namespace: string;
  readonly secretName: string;
  readonly status: string;
  /** When Helm last wrote it, in milliseconds. */
  readonly writtenAt: number;
  readonly description: string;
  readonly values: object;
}

/** The Secrets in which Helm keeps a release's revisions. */
export const selectorOf = (name: string) => `owner=helm,name=${name}`;

/** The newest record of a release; `undefined` if there is none. */
export async function findRelease(
  { core }: Pick<Cluster, "core">,
  namespace: string,
  name: string,
): Promise<ReleaseRecord | undefined> {
  const listed = core.listNamespacedSecret({ namespace, labelSelector: selectorOf(name) });
  const { items } = await requested(`Secrets of namespace ${namespace}`, listed);
  return newestOf(items);
}

/** The newest record of each release of these names, in all namespaces. */
export async function listReleases(
  { core }: Pick<Cluster, "core">,
  names: readonly string[],
): Promise<ReleaseRecord[]> {
  const labelSelector = `owner=helm,name in (${names.join(",")}),status!=superseded`;
  const { items } = await requested(
    "Secrets of all namespaces",
    core.listSecretForAllNamespaces({ labelSelector }),
  );
  const releases = Map.groupBy(items, ({ metadata }) => `${metadata!.namespace}/${metadata!.labels!.name}`);
  return [...releases.values()].map((revisions) => newestOf(revisions)!);
}

function newestOf(revisions: readonly V1Secret[]): ReleaseRecord | undefined {
  const revisionOf = ({ metadata }: V1Secret) => Number(metadata!.labels!.version);
  const newest = revisions.toSorted((left, right) => revisionOf(left) - revisionOf(right)).at(-1);
  if (newest === undefined) return undefined;
  const { labels, name, namespace } = newest.metadata!;
  const { status, createdAt = 0, modifiedAt = 0 } = labels!;
  // base64 by Kubernetes, around base64 by Helm, around gzip, around JSON.
  const packed = Buffer.from(Buffer.from(newest.data!.release!, "base64").toString(), "base64");
  const { info, config } = JSON.parse(gunzipSync(packed).toString()) as {
    info: { description: string };
    config?: object;
  };
  return {
    name: labels!.name!,
    namespace: namespace!,
    secretName: name!,
    status: status!,
    // A revision that has just begun carries the time at which the one before was changed.
    writtenAt: Math.max(Number(createdAt), Number(modifiedAt)) * 1000,
    description: info.description,
    values: config ?? {},
  };
}
