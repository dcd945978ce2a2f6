/** The cluster in the machine, as clients on the host reach it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CoreV1Api, KubeConfig, type V1NodeCondition, type V1Pod } from "@kubernetes/client-node";
import { sandboxPaths } from "../directories.ts";
import { until } from "../until.ts";
import { findMachine } from "./machine.ts";
import { nodeName } from "./network.ts";

/** How long a machine may take until its node and its pods are ready; it takes seconds. */
const readyTimeoutMilliseconds = 120_000;

export function sandboxKubeConfig(name: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(sandboxPaths(name).kubeconfig);
  return config;
}

/** Whether a node or a pod is ready. */
export const isReady = (conditions: readonly Pick<V1NodeCondition, "type" | "status">[] = []) =>
  conditions.some(({ type, status }) => type === "Ready" && status === "True");

/** The containers of a pod as the kubelet reports them, init containers first. */
export const containersOf = ({ status }: V1Pod) => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

/** Waits until the API server answers through the relay, and the node that runs real processes is ready. */
export async function nodeReady(name: string): Promise<void> {
  const paths = sandboxPaths(name);
  const core = sandboxKubeConfig(name).makeApiClient(CoreV1Api);
  const awaited = `the sandbox ${name} to be ready (logs: ${paths.logs})`;
  await until(awaited, readyTimeoutMilliseconds, async () => {
    const machine = await findMachine(name);
    if (!machine) {
      const log = readFileSync(join(paths.logs, "machine.log"), "utf8");
      const tail = log.trimEnd().split("\n").slice(-5).join("\n");
      throw new Error(`The machine of the sandbox ${name} ended; its last words:\n${tail}`);
    }
    try {
      const node = await core.readNode({ name: nodeName });
      const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
      // Kubernetes' times are whole seconds.
      const current = (ready?.lastHeartbeatTime?.getTime() ?? 0) >= Date.parse(machine.startedAt) - 1000;
      if (!current) return `the kubelet of node ${nodeName} has not reported yet`;
      return ready?.status === "True" || `node ${nodeName}: ${ready?.message ?? "no Ready condition"}`;
    } catch (error) {
      return (error as Error).message.split("\n")[0]!;
    }
  });
}

/**
 * Waits until every Deployment has all of its pods again, as the kubelet of this life reports them: after `up`, the
 * pods of an earlier life take a moment to come back.
 */
export async function podsReady(name: string): Promise<void> {
  const core = sandboxKubeConfig(name).makeApiClient(CoreV1Api);
  const begun = Date.parse((await findMachine(name))?.startedAt ?? "") - 1000;
  const isBack = ({ status }: V1Pod) => {
    const containers = status?.containerStatuses ?? [];
    const fresh = containers.every(({ state }) => (state?.running?.startedAt?.getTime() ?? 0) >= begun);
    return fresh && isReady(status?.conditions);
  };
  await until(`the pods of the sandbox ${name} to be ready`, readyTimeoutMilliseconds, async () => {
    const { items } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${nodeName}` });
    // The pods of Jobs come and go, and a pod that was evicted has been replaced.
    const lasting = items.filter(({ metadata, status }) => {
      const owned = metadata?.ownerReferences?.some(({ kind }) => kind === "ReplicaSet");
      return owned && status?.phase !== "Failed" && metadata?.deletionTimestamp === undefined;
    });
    const waiting = lasting.filter((pod) => !isBack(pod));
    return waiting.length === 0 || `not ready: ${waiting.map(({ metadata }) => metadata?.name).join(", ")}`;
  });
}
