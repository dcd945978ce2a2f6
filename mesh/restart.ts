/** Restarts of workloads, as `kubectl rollout restart` does them: by an annotation of their template. */
import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import type { Workload } from "./meshedPods.ts";
import { requested } from "./requests.ts";

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
  await requested(`${kind} ${namespace}/${name}`, patch());
}

const pollMilliseconds = 500;

/**
 * Waits until a Deployment has no pod of an older template, and all of its new ones are available.
 *
 * @throws Error if it cannot be read, or the cluster's time runs out.
 */
export async function rolledOut(
  { apps, signal }: Cluster,
  { namespace, name }: Pick<Workload, "namespace" | "name">,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { metadata, spec, status } = await requested(
      `Deployment ${namespace}/${name}`,
      apps.readNamespacedDeployment({ namespace, name }),
    );
    const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
    const wanted = spec?.replicas ?? 1;
    const isSeen = observedGeneration >= (metadata?.generation ?? 0);
    if (isSeen && [replicas, updatedReplicas, availableReplicas].every((count) => count === wanted)) return;
    await new Promise((next) => setTimeout(next, pollMilliseconds));
  }
}
