/**
 * Every pod of the mesh, and the trust anchors that its proxy was started with: a proxy reads them once.
 *
 * Nothing but metadata is listed, so that a mesh of thousands of pods costs seconds; what a hash stands for that nobody knows
 * is read from one of the pods that carry it.
 */
import type { V1Pod } from "@kubernetes/client-node";
import { bundleSha256 } from "../rules/credentials/bundle.ts";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { decodePem } from "../rules/credentials/pem.ts";
import {
  controlPlaneLabel,
  heldBundleAnnotation,
  proxyAnchorsVariable,
  proxyContainerName,
  proxyVersionAnnotation,
  trustRootsAnnotation,
} from "../rules/linkerdNames.ts";
import { type BundleState, bundleState, bundlesByHash } from "../rules/mesh/heldBundle.ts";
import { isProxyAnchor } from "../rules/mesh/proxyAnchor.ts";
import type { Workload } from "../rules/mesh/workload.ts";
import type { Mesh } from "./cluster.ts";
import type { ListedMetadata } from "./metadataList.ts";
import { found, requested } from "./requests.ts";
import { certificatesOf, type Trust } from "./trust.ts";

export interface MeshedPod {
  readonly namespace: string;
  readonly name: string;
  readonly workload: Workload;
  readonly createdAt: Date;
  /** Hash of the bundle that its proxy was started with; absent if it does not say. */
  readonly bundleSha256?: string | undefined;
}

/** A bundle that proxies were started with, and their pods. */
export interface HeldBundle {
  readonly state: BundleState;
  /** As the pods carry it; absent if they carry none. */
  readonly sha256?: string | undefined;
  /** The anchors in it; absent if they are not known. */
  readonly anchors?: readonly ParsedCertificate[];
  /** How many of its certificates cannot be read: a proxy goes without them. */
  readonly skipped: number;
  /** Why they are not known. */
  readonly reason?: string;
  readonly pods: readonly MeshedPod[];
}

const podsPath = "/api/v1/pods";
/** Pods of the CNI plugin have the label, and no proxy. Those that have ended have no proxy any more. */
const selectorOf = (namespace: string) => ({
  labelSelector: `${controlPlaneLabel}=${namespace},!linkerd.io/cni-resource`,
  fieldSelector: "status.phase!=Succeeded,status.phase!=Failed",
});
/** The chart's hash where it has no bundle, since someone else distributes it. */
const emptyBundleHashes = ["", "\n"].map(bundleSha256);
const pageSize = 250;
/** A pod that is asked for its bundle may have gone since the list. */
const mostAsked = 3;

/** Lists every pod that has a proxy of this control plane, those of the control plane included. */
export async function listMeshedPods({ metadataPages, namespace }: Mesh): Promise<readonly MeshedPod[]> {
  const pods: MeshedPod[] = [];
  const list = async () => {
    for await (const page of metadataPages(podsPath, selectorOf(namespace))) {
      for (const metadata of page) if (hasProxy(metadata)) pods.push(meshedPod(metadata));
    }
  };
  await requested("Pods of every namespace", list());
  return pods;
}

/** Workloads outside of the cluster, whose bundle nobody can see from here; none if the mesh has no such kind. */
export async function countExternalWorkloads({
  metadataPages,
}: Pick<Mesh, "metadataPages">): Promise<number> {
  const count = async (version: string) => {
    let sum = 0;
    const path = `/apis/workload.linkerd.io/${version}/externalworkloads`;
    for await (const page of metadataPages(path)) sum += page.length;
    return sum;
  };
  for (const version of ["v1beta1", "v1alpha1"]) {
    const counted = await found("ExternalWorkloads of every namespace", count(version));
    if (counted !== undefined) return counted;
  }
  return 0;
}

/**
 * The bundles that the pods' proxies hold, those of most pods first.
 *
 * @param others anchors that the mesh has had or is going to have, by which a hash may be told.
 */
export async function readHeldBundles(
  mesh: Mesh,
  { bundle, anchors, bundleWrittenAt }: Pick<Trust, "bundle" | "anchors" | "bundleWrittenAt">,
  listed: readonly MeshedPod[],
  others: readonly ParsedCertificate[] = [],
): Promise<readonly HeldBundle[]> {
  // A proxy of the control plane takes what the ConfigMap has at its start, whatever hash the chart has given to its pod.
  const isNewer = ({ namespace, createdAt }: MeshedPod) =>
    namespace === mesh.namespace && bundleWrittenAt !== undefined && createdAt > bundleWrittenAt;
  const current = bundleSha256(bundle.text);
  const pods = listed.map((pod) => (isNewer(pod) ? { ...pod, bundleSha256: current } : pod));
  const known = bundlesByHash(bundle.text, [...anchors, ...others]);
  const silent = pods.filter((pod) => pod.bundleSha256 === undefined);
  const texts = silent.length === 0 ? [] : await readAllTexts(mesh, silent);
  const byHash = Map.groupBy(
    [...pods.filter((pod) => pod.bundleSha256 !== undefined), ...texts.map(({ pod }) => pod)],
    (pod) => pod.bundleSha256,
  );
  const read = new Map(
    texts.flatMap(({ pod, text }) => (text === undefined ? [] : [[pod.bundleSha256, text]])),
  );
  const held = await Promise.all(
    [...byHash].map(async ([sha256, holders]): Promise<HeldBundle> => {
      const group = { sha256, pods: holders };
      if (sha256 === undefined)
        return { ...group, ...unknown("its proxy takes it from elsewhere at its start") };
      const text = known.get(sha256) ?? read.get(sha256) ?? (await readText(mesh, sha256, holders));
      if (text instanceof Error) return { ...group, ...unknown(text.message) };
      const field = `${proxyAnchorsVariable} of pod ${nameOfPod(holders[0]!)}`;
      const members = certificatesOf({ field, text }).filter(isProxyAnchor);
      const skipped = decodePem(text).blocks.length - members.length;
      return { ...group, state: bundleState(members, anchors), anchors: members, skipped };
    }),
  );
  return held.toSorted((one, other) => other.pods.length - one.pods.length);
}

const unknown = (reason: string) => ({ state: "unknown", skipped: 0, reason }) as const;

/** `linkerd/linkerd-identity-5786db6c57-nl658` */
export function nameOfPod({ namespace, name }: Pick<MeshedPod, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

function hasProxy({ annotations }: ListedMetadata): boolean {
  return proxyVersionAnnotation in annotations || heldBundleAnnotation in annotations;
}

function meshedPod(metadata: ListedMetadata): MeshedPod {
  const { namespace, name, annotations, createdAt } = metadata;
  const hashes = [annotations[trustRootsAnnotation], annotations[heldBundleAnnotation]];
  return {
    namespace,
    name,
    workload: workloadOf(metadata),
    createdAt,
    bundleSha256: hashes.find((hash) => hash !== undefined && !emptyBundleHashes.includes(hash)),
  };
}

/** Names of ReplicaSets end in the hash of their template, which their pods have as a label. */
const ownersOfReplicaSets = {
  "pod-template-hash": "Deployment",
  "rollouts-pod-template-hash": "Rollout",
} as const;

/** What a pod belongs to, by its metadata. */
export function workloadOf({ namespace, name, labels, ownerReferences }: ListedMetadata): Workload {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner === undefined) return { namespace, kind: "Pod", name };
  for (const [label, kind] of Object.entries(ownersOfReplicaSets)) {
    const suffix = `-${labels[label]}`;
    if (label in labels && owner.kind === "ReplicaSet" && owner.name.endsWith(suffix)) {
      return { namespace, kind, name: owner.name.slice(0, -suffix.length) };
    }
  }
  return { namespace, kind: owner.kind, name: owner.name };
}

/** The text of the bundle of that hash, from a pod that carries it. */
async function readText(mesh: Mesh, sha256: string, pods: readonly MeshedPod[]): Promise<string | Error> {
  try {
    for (const { namespace, name } of pods.slice(0, mostAsked)) {
      const pod = await found(`Pod ${namespace}/${name}`, mesh.core.readNamespacedPod({ name, namespace }));
      const text = pod && textOf(pod);
      // The hash is of the text without the line's end that a chart's template may add.
      const variants = text === undefined ? [] : [text, text.trimEnd(), `${text.trimEnd()}\n`];
      if (variants.some((one) => bundleSha256(one) === sha256)) return text!;
      if (text !== undefined) {
        return new Error(`pod ${namespace}/${name} holds another bundle than the one whose hash it carries`);
      }
    }
  } catch (error) {
    if (mesh.signal.aborted) throw error;
    return error as Error;
  }
  return new Error("no pod that carries its hash has it in its specification");
}

/** For versions of Linkerd whose pods carry no hash: the bundles themselves, for which whole pods are listed. */
async function readAllTexts(
  { core, namespace }: Mesh,
  silent: readonly MeshedPod[],
): Promise<readonly { readonly pod: MeshedPod; readonly text?: string | undefined }[]> {
  const wanted = new Map(silent.map((pod) => [nameOfPod(pod), pod]));
  const read: { pod: MeshedPod; text?: string | undefined }[] = [];
  let next: string | undefined;
  do {
    const page = { limit: pageSize, ...(next === undefined ? {} : { _continue: next }) };
    const { metadata, items } = await requested(
      "Pods of every namespace",
      core.listPodForAllNamespaces({ ...selectorOf(namespace), ...page }),
    );
    for (const item of items) {
      const pod = wanted.get(`${item.metadata!.namespace}/${item.metadata!.name}`);
      if (pod === undefined) continue;
      const text = textOf(item);
      read.push({ pod: { ...pod, ...(text && { bundleSha256: bundleSha256(text) }) }, text });
    }
    next = metadata?._continue;
  } while (next !== undefined && next !== "");
  return read;
}

/** `undefined` for a pod of the control plane, whose proxy has it from a ConfigMap. */
function textOf({ spec }: V1Pod): string | undefined {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const proxy = containers.find(({ name }) => name === proxyContainerName);
  return proxy?.env?.find(({ name }) => name === proxyAnchorsVariable)?.value;
}
