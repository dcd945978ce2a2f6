/** What a sandbox is doing: its machine, its control plane, its pods, and which of them are stand-ins. */
import { readdir, readFile } from "node:fs/promises";
import { CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import { findMachine, sandboxKubeConfig, sandboxPaths } from "./lifecycle.ts";

interface ContainerStatus {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly image: string;
  readonly ready: boolean;
  readonly restarts: number;
  /** Kubernetes' word for what it is doing: `Running`, `CrashLoopBackOff`, `Completed` … */
  readonly state: string;
  /** Whether no program stands behind it: it only answers probes. */
  readonly standIn: boolean;
}

export interface SandboxStatus {
  readonly name: string;
  readonly up: boolean;
  readonly server?: string;
  readonly kubeconfig?: string;
  /** Memory of everything in the machine that is not shared with other processes, in MiB. */
  readonly memoryMebibytes?: number;
  readonly nodes?: readonly { name: string; ready: boolean; version: string }[];
  readonly containers?: readonly ContainerStatus[];
}

export async function status(name: string): Promise<SandboxStatus> {
  const machine = await findMachine(name);
  if (!machine) return { name, up: false };
  const { kubeconfig } = sandboxPaths(name);
  const core = sandboxKubeConfig(name).makeApiClient(CoreV1Api);
  const [nodes, pods] = await Promise.all([core.listNode(), core.listPodForAllNamespaces()]);
  return {
    name,
    up: true,
    server: `https://127.0.0.1:${machine.port}`,
    kubeconfig,
    memoryMebibytes: Math.round((await memoryKibibytes(machine.pid)) / 1024),
    nodes: nodes.items.map(({ metadata, status: nodeStatus }) => ({
      name: metadata?.name ?? "",
      ready:
        nodeStatus?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ??
        false,
      version: nodeStatus?.nodeInfo?.kubeletVersion ?? "",
    })),
    containers: pods.items.flatMap(containersOf),
  };
}

function containersOf(pod: V1Pod): ContainerStatus[] {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return statuses.map(({ name, image, imageID, ready, restartCount, state }) => ({
    namespace: pod.metadata?.namespace ?? "",
    pod: pod.metadata?.name ?? "",
    container: name,
    image,
    ready,
    restarts: restartCount,
    state: state?.running ? "Running" : (state?.waiting?.reason ?? state?.terminated?.reason ?? "Unknown"),
    // By this the container runtime tells what it runs.
    standIn: imageID.startsWith("stand-in:"),
  }));
}

/** Sums what the processes below `pid` hold for themselves. */
async function memoryKibibytes(pid: number): Promise<number> {
  const children = new Map<number, number[]>();
  for (const entry of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const below = (parent: number): number[] => [parent, ...(children.get(parent) ?? []).flatMap(below)];
  const sizes = below(pid).map(async (process) => {
    const text = await readFile(`/proc/${process}/status`, "utf8").catch(() => "");
    return Number(/^RssAnon:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The status as text for a person. */
export function describe(sandbox: SandboxStatus): string {
  if (!sandbox.up) return `The sandbox ${sandbox.name} is down.`;
  const containers = sandbox.containers ?? [];
  const width = (cell: (container: ContainerStatus) => string) =>
    Math.max(0, ...containers.map((c) => cell(c).length));
  const name = (c: ContainerStatus) => `${c.namespace}/${c.pod}/${c.container}`;
  const [nameWidth, stateWidth] = [width(name), width((c) => c.state)];
  return [
    `The sandbox ${sandbox.name} is up: ${sandbox.server}, ${sandbox.memoryMebibytes} MiB`,
    ...sandbox.nodes!.map(
      (node) => `  node ${node.name} ${node.version} ${node.ready ? "Ready" : "NotReady"}`,
    ),
    ...containers.map(
      (c) =>
        `  ${name(c).padEnd(nameWidth)}  ${c.state.padEnd(stateWidth)}  ${c.ready ? "ready" : "     "}` +
        `  restarts ${c.restarts}${c.standIn ? "  stand-in" : ""}`,
    ),
  ].join("\n");
}
