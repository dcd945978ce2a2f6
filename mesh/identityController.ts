/** The running identity controllers: which issuer each has loaded, and what they say about reloading it. */
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { parse } from "yaml";
import { bundleSha256, trustRootsAnnotation } from "../rules/credentials/bundle.ts";
import { parseBundle } from "./certificateChain.ts";
import { type CertifyProof, certify, type Trust } from "./certify.ts";
import { type Cluster, found, requested } from "./cluster.ts";
import { type WatchedObjects, type Watcher, type WatchOptions, watchObjects } from "./watch.ts";

export const deploymentName = "linkerd-identity";
/**
 * What to do about a controller that has not loaded what its Secret holds.
 *
 * @param delivered the kubelet has put it into the controller's volume by now.
 */
export function reloadFix(namespace: string, delivered: boolean): string {
  const restart = `kubectl -n ${namespace} rollout restart deploy/${deploymentName}`;
  return delivered
    ? `The controller has missed its reload: it waits for its volume to change, and does not look again. Restart it: ${restart}`
    : `The kubelet delivers a changed Secret within about two minutes: look again then. If this lasts, restart it: ${restart}`;
}

const podSelector = "linkerd.io/control-plane-component=identity";
const trustRootsName = "linkerd-identity-trust-roots";
const trustRootsKey = "ca-bundle.crt";

/** The trust domain and the live bundle of trust anchors, in the bundle's order. */
export async function readTrust(cluster: Cluster): Promise<Trust> {
  const values = parse(await readConfigMap(cluster, "linkerd-config", "values"));
  // Linkerd 2.10 has its bundle among its values alone; from 2.11 on it has a ConfigMap, which others may keep.
  const inValues: string | undefined = (await hasTrustRoots(cluster))
    ? undefined
    : values.identityTrustAnchorsPEM;
  const bundle = inValues ?? (await readConfigMap(cluster, trustRootsName, trustRootsKey));
  const anchors = parseBundle(bundle);
  if (anchors.length === 0) {
    const bundleHolder =
      inValues === undefined ? `${trustRootsName}, key ${trustRootsKey},` : "linkerd-config";
    throw new Error(
      `ConfigMap ${cluster.namespace}/${bundleHolder} holds no PEM certificate: ` +
        "Linkerd's trust anchors must be there before it starts.",
    );
  }
  return {
    domain: values.identityTrustDomain || values.clusterDomain,
    anchors,
    ownTokens: inValues === undefined,
    ...(values.identity?.externalCA === true ? { distributedSha256: bundleSha256(bundle) } : {}),
  };
}

async function hasTrustRoots({ core, namespace }: Cluster): Promise<boolean> {
  const read = core.readNamespacedConfigMap({ name: trustRootsName, namespace });
  return (await found(`ConfigMap ${namespace}/${trustRootsName}`, read)) !== undefined;
}

async function readConfigMap(cluster: Cluster, name: string, key: string): Promise<string> {
  const { core, namespace } = cluster;
  const what = `ConfigMap ${namespace}/${name}`;
  const configMap = await found(what, core.readNamespacedConfigMap({ name, namespace }));
  if (configMap === undefined) {
    throw new Error(
      `${what} does not exist: is Linkerd installed in this cluster (--context), in this namespace (--namespace)?`,
    );
  }
  const value = configMap.data?.[key];
  if (value === undefined) throw new Error(`${what} has no key ${key}.`);
  return value;
}

/** What one identity controller has loaded, or why that could not be found out. */
export interface LoadedIssuer {
  readonly podName: string;
  /** Hash of the bundle that it was started with, where its pod tells. */
  readonly bundleSha256?: string;
  readonly proof?: CertifyProof;
  readonly failure?: string;
}

/** Asks every running identity controller; see {@link certify}. */
export async function loadedIssuers(cluster: Cluster, trust: Trust): Promise<readonly LoadedIssuer[]> {
  const { core, namespace } = cluster;
  const pods = await requested(
    `Pods of ${deploymentName} in namespace ${namespace}`,
    core.listNamespacedPod({ namespace, labelSelector: podSelector }),
  );
  const present = pods.items.filter(
    ({ metadata, status }) =>
      metadata?.deletionTimestamp === undefined && !["Succeeded", "Failed"].includes(status?.phase ?? ""),
  );
  return Promise.all(
    present.map(async (pod): Promise<LoadedIssuer> => {
      const podName = pod.metadata!.name!;
      const startedWith = pod.metadata!.annotations?.[trustRootsAnnotation];
      const controller = { podName, ...(startedWith === undefined ? {} : { bundleSha256: startedWith }) };
      if (!isReady(pod))
        return { ...controller, failure: `the pod is not ready: ${describeContainers(pod)}` };
      try {
        return { ...controller, proof: await certify(cluster, podName, trust) };
      } catch (error) {
        // Out of time: that tells nothing about the controller.
        if (cluster.signal.aborted) throw error;
        return { ...controller, failure: (error as Error).message };
      }
    }),
  );
}

function isReady({ status }: V1Pod): boolean {
  return (
    status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ??
    false
  );
}

function describeContainers({ status }: V1Pod): string {
  const states = (status?.containerStatuses ?? [])
    .filter(({ ready }) => !ready)
    .map(({ name, state, restartCount }) => {
      const reason = state?.waiting?.reason ?? state?.terminated?.reason ?? "running, its probe fails";
      return `${name}: ${reason}, ${restartCount} restarts`;
    });
  return states.join("; ") || (status?.phase ?? "unknown phase");
}

/** The controller's own word on a reload. Kubernetes counts repeated events instead of adding new ones. */
export interface ReloadEvent {
  readonly uid: string;
  readonly reason: "IssuerUpdated" | "IssuerUpdateSkipped" | "IssuerValidationFailed";
  readonly message: string;
  readonly count: number;
  readonly time: Date;
}

/** Events of identity controllers about their issuer, the oldest first. */
export async function listReloadEvents(cluster: Cluster): Promise<readonly ReloadEvent[]> {
  const { what, list } = eventListing(cluster);
  return reloadEvents((await requested(what, list())).items);
}

/** Like {@link listReloadEvents}, kept up to date. */
export function watchReloadEvents(cluster: Cluster, watcher: Watcher): WatchedObjects<ReloadEvent> {
  const events = watchObjects(cluster, eventListing(cluster), watcher);
  return { list: () => reloadEvents(events.list()), stop: events.stop };
}

/** Identity controllers record their events on their Deployment. */
function eventListing({ core, namespace }: Cluster): WatchOptions<CoreV1Event> {
  const fieldSelector = `involvedObject.kind=Deployment,involvedObject.name=${deploymentName}`;
  return {
    what: `events of Deployment ${namespace}/${deploymentName}`,
    path: `/api/v1/namespaces/${namespace}/events`,
    list: () => core.listNamespacedEvent({ namespace, fieldSelector }),
    fieldSelector,
  };
}

function reloadEvents(events: readonly CoreV1Event[]): readonly ReloadEvent[] {
  return events
    .filter(({ reason }) => /^Issuer(Updated|UpdateSkipped|ValidationFailed)$/.test(reason ?? ""))
    .map((event) => ({
      uid: event.metadata.uid!,
      reason: event.reason as ReloadEvent["reason"],
      message: event.message ?? "",
      count: event.count ?? 1,
      // A watch gives times as text where a list gives dates.
      time: new Date(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? 0),
    }))
    .sort((one, other) => one.time.getTime() - other.time.getTime());
}
