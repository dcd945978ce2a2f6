/** What a sandbox is doing: its machine, its control plane, its pods, and which of them are stand-ins. */
import { CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import { sandboxPaths } from "./directories.ts";
import { containersOf, isReady, sandboxKubeConfig } from "./machine/cluster.ts";
import { findMachine } from "./machine/machine.ts";
import { processIds, processStat, readProcess } from "./processes.ts";

export async function status(name: string) {
  const machine = await findMachine(name);
  if (!machine) return { name, up: false as const };
  const core = sandboxKubeConfig(name).makeApiClient(CoreV1Api);
  const [nodes, pods] = await Promise.all([core.listNode(), core.listPodForAllNamespaces()]);
  return {
    name,
    up: true as const,
    server: `https://127.0.0.1:${machine.port}`,
    kubeconfig: sandboxPaths(name).kubeconfig,
    /** Memory of everything in the machine that is not shared with other processes. */
    memoryMebibytes: Math.round(memoryKibibytes(machine.pid) / 1024),
    nodes: nodes.items.map(({ metadata, status: nodeStatus }) => ({
      name: metadata?.name ?? "",
      ready: isReady(nodeStatus?.conditions),
      version: nodeStatus?.nodeInfo?.kubeletVersion ?? "",
    })),
    containers: pods.items.flatMap(describeContainers),
  };
}

function describeContainers(pod: V1Pod) {
  return containersOf(pod).map(({ name, image, imageID, ready, restartCount, state }) => ({
    namespace: pod.metadata?.namespace ?? "",
    pod: pod.metadata?.name ?? "",
    container: name,
    image,
    ready,
    restarts: restartCount,
    /** What it is doing, in Kubernetes' words: `Running`, `CrashLoopBackOff`, `Completed` … */
    state: state?.running ? "Running" : (state?.waiting?.reason ?? state?.terminated?.reason ?? "Unknown"),
    /** Whether it only answers probes: this is how the container runtime says what it runs. */
    standIn: imageID.startsWith("stand-in:"),
  }));
}

/** Sums what the processes below `pid` hold for themselves. */
function memoryKibibytes(pid: number): number {
  const children = Map.groupBy(processIds(), (child) => processStat(child)?.parent);
  const below = (parent: number): number[] => [parent, ...(children.get(parent) ?? []).flatMap(below)];
  const sizes = below(pid).map((one) =>
    Number(/^RssAnon:\s+(\d+)/m.exec(readProcess(one, "status"))?.[1] ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

export function describe(sandbox: Awaited<ReturnType<typeof status>>): string {
  if (!sandbox.up) return `The sandbox ${sandbox.name} is down.`;
  const rows = sandbox.containers.map((c) => [`${c.namespace}/${c.pod}/${c.container}`, c.state, c] as const);
  const width = (column: 0 | 1) => Math.max(0, ...rows.map((row) => row[column].length));
  return [
    `The sandbox ${sandbox.name} is up: ${sandbox.server}, ${sandbox.memoryMebibytes} MiB`,
    ...sandbox.nodes.map(
      (node) => `  node ${node.name} ${node.version} ${node.ready ? "Ready" : "NotReady"}`,
    ),
    ...rows.map(
      ([name, state, { ready, restarts, standIn }]) =>
        `  ${name.padEnd(width(0))}  ${state.padEnd(width(1))}  ${ready ? "ready" : "     "}` +
        `  restarts ${restarts}${standIn ? "  stand-in" : ""}`,
    ),
  ].join("\n");
}
