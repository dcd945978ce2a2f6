/** The file by which Pulumi takes objects that are there into a stack's state: nothing on the cluster is touched by that. */
import type { Cluster } from "../../mesh/cluster.ts";
import type { NewRecord } from "../../mesh/helmReleases.ts";
import { findObject, nameOf, type ObjectMarks, type ObjectReference } from "../../mesh/objects.ts";
import type { HelmValues } from "../../rules/charts/values.ts";
import { isPlainObject } from "../../rules/known.ts";
import { describeOwner } from "../../rules/mesh/owner.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import { type Change, releaseType } from "../preview.ts";
import { withoutKeys } from "./values.ts";

/** A resource that a preview would create, as `pulumi preview --import-file` writes it. */
export interface ImportResource {
  readonly type: string;
  readonly name: string;
  /** The name that the program gives it, where that of another one in the file is the same. */
  readonly logicalName?: string;
  readonly id?: string;
  readonly component?: boolean;
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** Absent: Pulumi asks the cluster. */
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** An object as the cluster has it. */
export interface Present {
  /** Of an object of cert-manager's or trust-manager's: Pulumi does not import that. */
  readonly spec?: unknown;
  /** Whose it is until then, as the end of a sentence that begins with "It is"; absent for a Helm release. */
  readonly owner?: string;
  /** Absent for a Helm release. */
  readonly marks?: ObjectMarks;
}

/** What becomes the stack's. */
export interface Import {
  readonly resources: readonly ImportResource[];
  /** Its objects and releases, by what people call them. */
  readonly present: ReadonlyMap<string, Present>;
  /** Its objects, and those of others of which it sets some fields. */
  readonly written: readonly Written[];
}

interface Written {
  readonly reference: ObjectReference;
  /** Whether someone else keeps the object. */
  readonly isPatched: boolean;
}

type HasRelease = (namespace: string, name: string) => Promise<boolean>;

/**
 * Of what a preview would create, what is on the cluster already.
 *
 * @param skeleton what `pulumi preview --import-file` has written.
 * @param creates the same resources, with their inputs.
 * @param hasRelease whether a release is there that becomes the stack's.
 * @param records of releases that Helm knows nothing of yet.
 */
export async function importOf(
  cluster: Pick<Cluster, "metadata" | "custom">,
  skeleton: readonly ImportResource[],
  creates: readonly Change[],
  hasRelease: HasRelease,
  records: readonly NewRecord[],
): Promise<Import> {
  const present = new Map<string, Present>();
  const resources: ImportResource[] = [];
  const written: Written[] = [];
  for (const resource of skeleton) {
    if (resource.component || resource.type === "pulumi:providers:kubernetes") {
      resources.push(resource);
      continue;
    }
    const name = resource.logicalName ?? resource.name;
    const change = creates.find((one) => one.type === resource.type && one.name === name);
    if (change === undefined) continue;
    const object = await foundOf(cluster, change);
    if (object !== undefined) written.push({ reference: object.reference, isPatched: isPatch(change) });
    const found = isPatch(change) ? undefined : await presentAs(cluster, change, object, hasRelease, records);
    if (found === undefined) continue;
    const { id, called, state, ...rest } = found;
    present.set(called, rest);
    resources.push({ ...resource, id, ...state });
  }
  return { resources, present, written };
}

const isPatch = ({ type }: Change) => type.endsWith("Patch");

interface FoundObject {
  readonly reference: ObjectReference;
  readonly marks: ObjectMarks;
}

/** The object of a resource; `undefined` if it is not there, or if the resource is no object. */
async function foundOf(
  cluster: Pick<Cluster, "metadata">,
  { type, after }: Change,
): Promise<FoundObject | undefined> {
  if (!type.startsWith("kubernetes:") || !isPlainObject(after)) return undefined;
  for (const reference of referencesOf(after)) {
    const marks = await findObject(cluster, reference);
    if (marks !== undefined) return { reference, marks };
  }
  return undefined;
}

/** What a resource is on the cluster; `undefined` if it is not there. */
async function presentAs(
  cluster: Pick<Cluster, "custom">,
  { type, after }: Change,
  object: FoundObject | undefined,
  hasRelease: HasRelease,
  records: readonly NewRecord[],
): Promise<
  (Present & { readonly id: string; readonly called: string; readonly state?: object }) | undefined
> {
  if (type === releaseType && isPlainObject(after)) {
    const [namespace, name] = [String(after.namespace), String(after.name)];
    const ids = { id: `${namespace}/${name}`, called: `Helm release ${namespace}/${name}` };
    const record = records.find((one) => one.name === name);
    if (record !== undefined) return { ...ids, state: stateOf(record, namespace) };
    return (await hasRelease(namespace, name)) ? ids : undefined;
  }
  if (object === undefined) return undefined;
  const { reference, marks } = object;
  const { namespace, name } = reference;
  return {
    id: namespace === undefined ? name : `${namespace}/${name}`,
    called: nameOf(reference),
    spec: await specOf(cluster, reference),
    owner: describeOwner(marks),
    marks,
  };
}

/** What a secret is in a state (pulumi's sdk/go/common/resource, SecretSig), and what makes it one. */
const secret = (plaintext: string) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  plaintext,
});

/**
 * The state of a release as the Kubernetes provider would read it from Helm's record (provider/pkg/provider/helm_release.go,
 * checkpointRelease), which is not there yet. Private keys are left out.
 */
function stateOf({ name, chart, values }: NewRecord, namespace: string) {
  const inputs = {
    ...{ name, namespace, chart: chart.name, version: chart.version },
    values: withoutKeys(values as HelmValues).plain,
  };
  return { inputs, outputs: { ...inputs, __inputs: secret(JSON.stringify(inputs)) } };
}

/** The spec of a custom resource; others have nothing there that this program sets. */
async function specOf(
  { custom }: Pick<Cluster, "custom">,
  { apiVersion, kind, name, namespace }: ObjectReference,
): Promise<unknown> {
  const [group = "", version] = apiVersion.split("/");
  if (version === undefined || ![certManagerGroup, "trust.cert-manager.io"].includes(group)) return undefined;
  const object = { group, version, plural: `${kind.toLowerCase()}s`, name };
  const read: { spec?: unknown } =
    namespace === undefined
      ? await custom.getClusterCustomObject(object)
      : await custom.getNamespacedCustomObject({ ...object, namespace });
  return read.spec;
}

/**
 * What the inputs of an object may mean. Without a cluster, the provider does not know which custom resources are of the whole cluster, and
 * puts those into the namespace `default`, too.
 */
function referencesOf({
  apiVersion,
  kind,
  metadata,
}: Readonly<Record<string, unknown>>): readonly ObjectReference[] {
  if (!isPlainObject(metadata) || typeof apiVersion !== "string" || typeof kind !== "string") return [];
  const { name, namespace } = metadata;
  if (typeof name !== "string") return [];
  const ofCluster = { apiVersion, kind, name };
  if (typeof namespace !== "string") return [ofCluster];
  return [{ ...ofCluster, namespace }, ...(namespace === "default" ? [ofCluster] : [])];
}

/** What a state has already: by type and name, its URN. */
export type Known = ReadonlyMap<string, string>;

const keyOf = ({ type, name, logicalName = name }: ImportResource) => `${type} ${logicalName}`;

/** The text of the file, without what the state has already; `undefined` if that is all. */
export function importText(resources: readonly ImportResource[], known: Known): string | undefined {
  const isKnown = (resource: ImportResource) => known.has(keyOf(resource));
  const nameTable = Object.fromEntries(
    resources.filter(isKnown).map((resource) => [resource.name, known.get(keyOf(resource))]),
  );
  const rest = resources.filter((resource) => !isKnown(resource));
  return rest.length === 0 ? undefined : JSON.stringify({ nameTable, resources: rest });
}

/** @param stateText what `pulumi stack export` prints. */
export function knownIn(stateText: string): Known {
  const { deployment = {} } = JSON.parse(stateText) as {
    deployment?: { resources?: { urn: string; type: string }[] };
  };
  return new Map(
    (deployment.resources ?? []).map(({ urn, type }) => [
      `${type} ${urn.split("::").slice(3).join("::")}`,
      urn,
    ]),
  );
}
