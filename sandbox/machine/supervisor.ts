/**
 * Runs inside the sandbox's machine, as the child of its first process: starts the control plane in order, restarts
 * what ends by itself, and relays connections from the host's loopback to the API server. `go/machine` starts it.
 *
 *     node supervisor.ts <sandbox directory>
 *
 * File descriptor 3 is a socket that listens on the host's loopback.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { Health, KubeConfig } from "@kubernetes/client-node";
import { processIds } from "../processes.ts";
import { until } from "../until.ts";
import { type Component, components, egressSocket, runtimeSocket } from "./controlPlane.ts";
import { startEgressProxy } from "./egressProxy.ts";
import { startNameServer } from "./nameServer.ts";
import { apiServerPort } from "./network.ts";
import { followServices } from "./services.ts";

const relayListener = 3;
/** What ends right after its start is restarted after a pause that doubles up to this. */
const longestPauseMilliseconds = 10_000;

const directory = process.argv[2]!;
const logs = join(directory, "logs");
const running = new Map<string, ChildProcess>();
let stopping = false;

const log = (message: string) => console.log(`${new Date().toISOString()} ${message}`);

function keepRunning({ name, command }: Component, pauseMilliseconds = 250): void {
  const output = openSync(join(logs, `${name}.log`), "a", 0o600);
  const begun = performance.now();
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", output, output] });
  closeSync(output);
  running.set(name, child);
  log(`${name} started as process ${child.pid}`);
  child.on("error", (error) => {
    log(`${name} cannot be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    running.delete(name);
    if (stopping) return;
    const stable = performance.now() - begun > longestPauseMilliseconds;
    const pause = stable ? 250 : Math.min(pauseMilliseconds * 2, longestPauseMilliseconds);
    log(`${name} ended with ${code ?? signal}; restarting it in ${pause} ms`);
    setTimeout(() => keepRunning({ name, command }, pause), pause);
  });
}

/**
 * Ends everything in order: the kubelet, so that it restarts nothing; the pods' processes, while the API server is there
 * for them to give back their leases; then the components, etcd last.
 */
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  log("stopping");
  await end(1_000, componentProcesses("kubelet", "kwok"));
  await end(3_000, podProcesses());
  await end(1_000, componentProcesses("kube-scheduler", "kube-controller-manager", "process-runtime"));
  // It waits for every watch to end; what it has answered for is in etcd already.
  await end(1_000, componentProcesses("kube-apiserver"));
  await end(5_000, componentProcesses("etcd"));
  log("stopped");
  process.exit(0);
}

const componentProcesses = (...names: string[]) => names.flatMap((name) => running.get(name)?.pid ?? []);

/** Every process of the machine but our own: what the container runtime started. */
function podProcesses(): number[] {
  const ours = new Set([1, process.pid, ...[...running.values()].map(({ pid }) => pid)]);
  return processIds().filter((pid) => !ours.has(pid));
}

/** Asks processes to end, and kills those that have not after `patienceMilliseconds`. */
async function end(patienceMilliseconds: number, pids: number[]): Promise<void> {
  for (const pid of pids) signal(pid, "SIGTERM");
  const alive = () => pids.filter((pid) => signal(pid, 0));
  try {
    await until("processes to end", patienceMilliseconds, async () => alive().length === 0);
  } catch {
    for (const pid of alive()) signal(pid, "SIGKILL");
  }
}

/** Sends a signal; false if the process has ended. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function start(): Promise<void> {
  const part = components(directory);
  const config = new KubeConfig();
  config.loadFromFile(join(directory, "configuration", "admin.kubeconfig"));
  keepRunning(part.etcd);
  keepRunning(part.apiServer);
  relay();
  await until("the API server to be ready", 60_000, () =>
    new Health(config).readyz({}).catch((error: Error) => String(error.cause ?? error.message)),
  );
  keepRunning(part.controllerManager);
  keepRunning(part.scheduler);
  keepRunning(part.processRuntime);
  if (existsSync(part.kwok.command[0])) keepRunning(part.kwok);
  const services = await followServices(config);
  await startEgressProxy(services, egressSocket);
  await startNameServer(services);
  await until("the container runtime to listen", 20_000, async () => existsSync(runtimeSocket));
  keepRunning(part.kubelet);
}

/** Passes each connection to the host's loopback on to the API server. */
function relay(): void {
  const server = createServer((client) => {
    // What ends one connection ends the other.
    pipeline(client, connect(apiServerPort, "127.0.0.1"), client, () => {});
  });
  server.listen({ fd: relayListener });
}

process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
try {
  await start();
} catch (error) {
  log(`the machine cannot start: ${(error as Error).message}`);
  process.exit(1);
}
