/** Helm's records of its releases: a Secret for each revision. */
import { gunzipSync, gzipSync } from "node:zlib";
import type { V1Secret } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { requested, statusOf } from "./requests.ts";

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

/** The newest record of a release, with what it has installed. */
export interface InstalledRelease extends ReleaseRecord {
  readonly chart: { readonly name: string; readonly version: string };
  /** Its objects, in YAML. */
  readonly manifest: string;
  /** Names of the programs that have written it, such as `helm`. */
  readonly managers: readonly string[];
}

/** A release that is there, but for Helm's record of it. */
export interface NewRecord extends Pick<InstalledRelease, "name" | "chart" | "values" | "manifest"> {}

/** The Secrets in which Helm keeps a release's revisions. */
const selectorOf = (name: string) => `owner=helm,name=${name}`;

/** The newest record of a release; `undefined` if there is none. */
export async function findRelease(
  { core }: Pick<Cluster, "core">,
  namespace: string,
  name: string,
): Promise<ReleaseRecord | undefined> {
  const listed = core.listNamespacedSecret({ namespace, labelSelector: selectorOf(name) });
  const { items } = await requested(`Secrets of namespace ${namespace}`, listed);
  const newest = newestOf(items);
  return newest && recordOf(newest);
}

/** The newest record of each release in a namespace. */
export async function releasesOf(
  { core }: Pick<Cluster, "core">,
  namespace: string,
): Promise<InstalledRelease[]> {
  const labelSelector = "owner=helm,status!=superseded";
  const listed = core.listNamespacedSecret({ namespace, labelSelector });
  const { items } = await requested(`Secrets of namespace ${namespace}`, listed);
  return newestOfEach(items).map((secret) => {
    const { chart, manifest } = unpack(secret);
    const { name, version } = chart.metadata;
    const managers = secret.metadata!.managedFields?.flatMap(({ manager }) => manager ?? []) ?? [];
    return { ...recordOf(secret), chart: { name, version }, manifest, managers };
  });
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
  return newestOfEach(items).map(recordOf);
}

/**
 * Writes the first record of a release, unless it is there. None of its objects is touched: Helm compares them with the manifest at the
 * next upgrade, and goes back to that if the upgrade fails.
 *
 * @param description what the record says of how it came to be.
 */
export async function writeRecord(
  { core }: Pick<Cluster, "core">,
  namespace: string,
  { name, chart, values, manifest }: NewRecord,
  description: string,
): Promise<void> {
  const now = new Date();
  const status = "deployed";
  const release = {
    ...{ name, namespace, version: 1, manifest, config: values },
    info: {
      ...{ status, description, deleted: "" },
      first_deployed: now.toISOString(),
      last_deployed: now.toISOString(),
    },
    chart: { metadata: { apiVersion: "v2", ...chart }, templates: [], values: {} },
  };
  const secretName = `sh.helm.release.v1.${name}.v1`;
  const createdAt = `${Math.floor(now.getTime() / 1000)}`;
  const body: V1Secret = {
    metadata: { name: secretName, labels: { name, owner: "helm", status, version: "1", createdAt } },
    type: "helm.sh/release.v1",
    data: { release: pack(release) },
  };
  const created = core.createNamespacedSecret({ namespace, body }).catch((error) => {
    if (statusOf(error) !== 409) throw error;
  });
  await requested(`Secret ${namespace}/${secretName}`, created);
}

/** Deletes all records of a release, and nothing that it has installed. */
export async function deleteRecords(
  { core }: Pick<Cluster, "core">,
  namespace: string,
  name: string,
): Promise<void> {
  await requested(
    `Helm's records of ${namespace}/${name}`,
    core.deleteCollectionNamespacedSecret({ namespace, labelSelector: selectorOf(name) }),
  );
}

function newestOfEach(records: readonly V1Secret[]): V1Secret[] {
  const releases = Map.groupBy(records, ({ metadata }) => `${metadata!.namespace}/${metadata!.labels!.name}`);
  return [...releases.values()].map((revisions) => newestOf(revisions)!);
}

function newestOf(revisions: readonly V1Secret[]): V1Secret | undefined {
  const revisionOf = ({ metadata }: V1Secret) => Number(metadata!.labels!.version);
  return revisions.toSorted((left, right) => revisionOf(left) - revisionOf(right)).at(-1);
}

function recordOf(secret: V1Secret): ReleaseRecord {
  const { labels, name, namespace } = secret.metadata!;
  const { status, createdAt = 0, modifiedAt = 0 } = labels!;
  const { info, config } = unpack(secret);
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

/** What Helm writes (helm's pkg/release). */
interface Packed {
  readonly info: { readonly description: string };
  readonly chart: { readonly metadata: { readonly name: string; readonly version: string } };
  readonly config?: object;
  readonly manifest: string;
}

/** base64 by Kubernetes, around base64 by Helm, around gzip, around JSON. */
const pack = (release: object) =>
  Buffer.from(gzipSync(JSON.stringify(release)).toString("base64")).toString("base64");

function unpack({ data }: V1Secret): Packed {
  const packed = Buffer.from(Buffer.from(data!.release!, "base64").toString(), "base64");
  return JSON.parse(gunzipSync(packed).toString());
}
