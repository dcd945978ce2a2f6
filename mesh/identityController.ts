/** The running identity controllers: which issuer each has loaded, and what they say about reloading it. */
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { identityDeploymentName, trustRootsAnnotation } from "../rules/linkerdNames.ts";
import { type CertifyProof, certify } from "./certify.ts";
import { conditionOf } from "./certManager.ts";
import type { Mesh } from "./cluster.ts";
import { requested } from "./requests.ts";
import type { Trust } from "./trust.ts";
import type { Listing } from "./watch.ts";

const podSelector = "linkerd.io/control-plane-component=identity";

/** What one identity controller has loaded, or why that is not known. */
export interface LoadedIssuer {
  readonly podName: string;
  /** Hash of the bundle that it was started with; absent if its pod does not say. */
  readonly bundleSha256?: string | undefined;
  readonly proof?: CertifyProof;
  readonly failure?: string;
}

/** Asks every running identity controller; see {@link certify}. */
export async function loadedIssuers(mesh: Mesh, trust: Trust): Promise<readonly LoadedIssuer[]> {
  const { core, namespace, signal } = mesh;
  const pods = await requested(
    `Pods of ${identityDeploymentName} in namespace ${namespace}`,
    core.listNamespacedPod({ namespace, labelSelector: podSelector }),
  );
  const present = pods.items.filter(
    ({ metadata, status }) =>
      metadata?.deletionTimestamp === undefined && !["Succeeded", "Failed"].includes(status?.phase ?? ""),
  );
  return Promise.all(
    present.map(async (pod): Promise<LoadedIssuer> => {
      const podName = pod.metadata!.name!;
      const controller = { podName, bundleSha256: pod.metadata!.annotations?.[trustRootsAnnotation] };
      if (conditionOf(pod, "Ready")?.status !== "True") {
        return { ...controller, failure: `the pod is not ready: ${describeContainers(pod)}` };
      }
      try {
        return { ...controller, proof: await certify(mesh, podName, trust) };
      } catch (error) {
        // That time has run out says nothing about the controller.
        if (signal.aborted) throw error;
        return { ...controller, failure: (error as Error).message };
      }
    }),
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

/** Identity controllers record their events on their Deployment. */
export function controllerEvents({ core, namespace }: Mesh): Listing<CoreV1Event> {
  const fieldSelector = `involvedObject.kind=Deployment,involvedObject.name=${identityDeploymentName}`;
  return {
    what: `events of Deployment ${namespace}/${identityDeploymentName}`,
    path: `/api/v1/namespaces/${namespace}/events`,
    list: () => core.listNamespacedEvent({ namespace, fieldSelector }),
    fieldSelector,
  };
}

/** Those of the events that are about the issuer, the oldest first. */
export function reloadEvents(events: readonly CoreV1Event[]): readonly ReloadEvent[] {
  return events
    .filter(({ reason }) => /^Issuer(Updated|UpdateSkipped|ValidationFailed)$/.test(reason ?? ""))
    .map((event) => ({
      uid: event.metadata.uid!,
      reason: event.reason as ReloadEvent["reason"],
      message: event.message ?? "",
      count: event.count ?? 1,
      // A watch gives times as text, a list gives dates.
      time: new Date(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? 0),
    }))
    .sort((one, other) => one.time.getTime() - other.time.getTime());
}
