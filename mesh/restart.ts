/** Restarts of workloads, as `kubectl rollout restart` does them: by an annotation of their template. */
import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { nameOfWorkload, type Workload } from "../rules/mesh/workload.ts";
import type { Cluster } from "./cluster.ts";
import { found, requested } from "./requests.ts";

/** Kinds that can be restarted; a Job or a pod of its own has to be made anew by whoever has made it. */
const restartable = ["Deployment", "StatefulSet", "DaemonSet", "Rollout"];

export function canRestart({ kind }: Workload): boolean {
  return restartable.includes(kind);
}

/**
 * Has a workload make all its pods anew, at its own pace. Does not wait for it.
 *
 * @throws Error if it cannot be restarted, does not exist, or may not be changed.
 */
export async function restart({ apps, custom }: Cluster, workload: Workload, time: Date): Promise<void> {
  const { kind, namespace, name } = workload;
  const restartedAt = time.toISOString();
  const annotations = { "kubectl.kubernetes.io/restartedAt": restartedAt };
  const request = { namespace, name, body: { spec: { template: { metadata: { annotations } } } } };
  const merge = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
  const patch = (): Promise<unknown> => {
    switch (kind) {
      case "Deployment":
        return apps.patchNamespacedDeployment(request, merge);
      case "StatefulSet":
        return apps.patchNamespacedStatefulSet(request, merge);
      case "DaemonSet":
        return apps.patchNamespacedDaemonSet(request, merge);
      case "Rollout":
        return custom.patchNamespacedCustomObject(
          {
            ...{ group: "argoproj.io", version: "v1alpha1", plural: "rollouts", namespace, name },
            body: { spec: { restartAt: restartedAt } },
          },
          setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        );
      default:
        throw new Error(`A ${kind} cannot be restarted.`);
    }
  };
  await requested(nameOfWorkload(workload), patch());
}

/** What is read of a workload before it is restarted. */
interface Restartable {
  /** Of its pods. */
  readonly labels: Readonly<Record<string, string>>;
  /** Why a restart would do nothing, as the rest of a sentence; absent if it would. */
  readonly obstacle?: string;
}

interface Controller {
  readonly spec: {
    readonly paused?: boolean;
    readonly updateStrategy?: { readonly type?: string };
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    /** A Rollout of Argo's may have it elsewhere. */
    readonly template?: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } };
  };
}

/** @throws Error if it may not be read. */
export async function readRestartable(
  { custom }: Pick<Cluster, "custom">,
  workload: Workload,
): Promise<Restartable> {
  const { kind, namespace, name } = workload;
  const api =
    kind === "Rollout"
      ? { group: "argoproj.io", version: "v1alpha1", plural: "rollouts" }
      : { group: "apps", version: "v1", plural: `${kind.toLowerCase()}s` };
  const read: Promise<Controller> = custom.getNamespacedCustomObject({ ...api, namespace, name });
  const controller = await found(nameOfWorkload(workload), read);
  if (controller === undefined) return { labels: {}, obstacle: "does not exist any more" };
  const { paused, updateStrategy, selector, template } = controller.spec;
  const labels = template?.metadata?.labels ?? selector?.matchLabels ?? {};
  if (paused === true) return { labels, obstacle: "is paused" };
  return updateStrategy?.type === "OnDelete"
    ? { labels, obstacle: "replaces a pod only when someone deletes it (updateStrategy OnDelete)" }
    : { labels };
}

const pollMilliseconds = 500;

/** How far a workload's controller is. */
interface Rollout {
  readonly isSeen: boolean;
  /** Pods that are wanted; that are of the newest template; that are available; and all of them. */
  readonly counts: readonly (number | undefined)[];
}

async function rolloutOf({ apps, custom }: Cluster, { kind, namespace, name }: Workload): Promise<Rollout> {
  const isSeen = (generation = 0, observed: number | string = 0) => Number(observed) >= generation;
  switch (kind) {
    case "StatefulSet": {
      const { metadata, spec, status } = await apps.readNamespacedStatefulSet({ namespace, name });
      const { updatedReplicas, availableReplicas, replicas } = status ?? {};
      const counts = [spec?.replicas ?? 1, updatedReplicas, availableReplicas, replicas];
      return { isSeen: isSeen(metadata?.generation, status?.observedGeneration), counts };
    }
    case "DaemonSet": {
      const { metadata, status } = await apps.readNamespacedDaemonSet({ namespace, name });
      const { desiredNumberScheduled, updatedNumberScheduled, numberAvailable } = status ?? {};
      const counts = [desiredNumberScheduled, updatedNumberScheduled, numberAvailable];
      return { isSeen: isSeen(metadata?.generation, status?.observedGeneration), counts };
    }
    case "Rollout": {
      const object = { group: "argoproj.io", version: "v1alpha1", plural: "rollouts", namespace, name };
      const { metadata, spec, status = {} } = (await custom.getNamespacedCustomObject(object)) as ArgoRollout;
      const { observedGeneration, phase, restartedAt } = status;
      // Its controller replaces the pods one by one, and says when it has begun with the last word it got.
      const isThrough = phase === "Healthy" && restartedAt === spec.restartAt;
      return { isSeen: isSeen(metadata.generation, observedGeneration), counts: [1, isThrough ? 1 : 0] };
    }
    default: {
      const { metadata, spec, status } = await apps.readNamespacedDeployment({ namespace, name });
      const { updatedReplicas, availableReplicas, replicas } = status ?? {};
      const counts = [spec?.replicas ?? 1, updatedReplicas, availableReplicas, replicas];
      return { isSeen: isSeen(metadata?.generation, status?.observedGeneration), counts };
    }
  }
}

/** What is read of a Rollout of Argo's. */
interface ArgoRollout {
  readonly metadata: { readonly generation?: number };
  readonly spec: { readonly restartAt?: string };
  readonly status?: {
    readonly observedGeneration?: string;
    readonly phase?: string;
    readonly restartedAt?: string;
  };
}

const readRollout = (cluster: Cluster, workload: Workload) =>
  requested(nameOfWorkload(workload), rolloutOf(cluster, workload));

/** Whether pods of an older template are being replaced, by whomever. */
export async function isRollingOut(cluster: Cluster, workload: Workload): Promise<boolean> {
  const { isSeen, counts } = await readRollout(cluster, workload);
  const [wanted = 0, updated = 0, , all = updated] = counts;
  return !isSeen || updated < wanted || updated < all;
}

/**
 * Waits until a workload has no pod of an older template, and all of its new ones are available.
 *
 * @param signal ends the wait. Defaults to the cluster's.
 * @throws Error if it cannot be read, or its time runs out.
 */
export async function rolledOut(
  cluster: Cluster,
  workload: Workload,
  signal: AbortSignal = cluster.signal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { isSeen, counts } = await readRollout(cluster, workload);
    const [wanted = 0] = counts;
    if (isSeen && counts.every((count = 0) => count === wanted)) return;
    await new Promise((next) => setTimeout(next, pollMilliseconds));
  }
}
