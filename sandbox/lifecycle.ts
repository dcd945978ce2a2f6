/** Brings a sandbox up, takes it down, and tells what it is doing. Everything here runs on the host. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import {
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { platform } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { CoreV1Api, KubeConfig, type V1Pod } from "@kubernetes/client-node";
import { cacheDirectory, projectDirectory, sandboxDirectory } from "./directories.ts";
import { withLock } from "./lock.ts";
import { ensureCertificates } from "./machine/certificates.ts";
import { kubeconfig, writeConfiguration } from "./machine/controlPlane.ts";
import { nodeName } from "./machine/network.ts";
import { ensureToolchain, type Toolchain } from "./toolchain/toolchain.ts";
import {
  chartName,
  charts as knownCharts,
  providerVersions,
  pulumiVersion,
  tools,
} from "./toolchain/tools.ts";
import { until } from "./until.ts";

/** How long a machine may take until its node is ready; it takes seconds. */
const readyTimeoutMilliseconds = 120_000;
const stopTimeoutMilliseconds = 20_000;

/** What is known of a sandbox's machine while it runs; `machine.json` in the sandbox's folder. */
interface Machine {
  /** Process ID, on the host, of the machine's first process. */
  readonly pid: number;
  /** When that process started, in the kernel's clock ticks: process IDs are used again, this pair is not. */
  readonly startTicks: string;
  /** Port on 127.0.0.1 that leads to the API server. */
  readonly port: number;
  /** When the machine was started; what the cluster says of an earlier time is of an earlier life. */
  readonly startedAt: string;
}

/** Paths of a sandbox that other programs use. */
export function sandboxPaths(name: string) {
  const directory = sandboxDirectory(name);
  return {
    directory,
    bin: join(directory, "bin"),
    kubeconfig: join(directory, "kubeconfig"),
    logs: join(directory, "logs"),
    charts: join(directory, "charts"),
    pulumiHome: join(directory, "pulumi"),
    pulumiState: join(directory, "state"),
    passphrase: join(directory, "passphrase"),
    helm: join(directory, "helm"),
    temporary: join(directory, "temporary"),
  };
}

/**
 * Brings the sandbox `name` up: builds what is missing, starts its machine where none runs, waits until its node is
 * ready. On a running sandbox it changes nothing, unless `use` names other programs than it runs.
 *
 * @param use programs and charts of the user's own, by name (`linkerd-controller`, `chart:linkerd-crds`), in place of
 *   those that the sandbox builds.
 * @param extras names of optional programs and charts that it is to have as well; what it has had before stays.
 */
export async function up(
  name: string,
  use: Readonly<Record<string, string>>,
  report: (line: string) => void,
  extras: readonly string[] = [],
): Promise<void> {
  refuseUnknownUse(use);
  if (platform() !== "linux") {
    throw new Error(
      `The sandbox needs Linux; this is ${platform()}. Use a cluster of your own instead (README, "On your own cluster").`,
    );
  }
  const toolchain = await ensureToolchain(report, extras);
  const waiting = () => report(`Another command works on the sandbox ${name}; waiting for it to finish.`);
  await withLock(`sandbox ${sandboxDirectory(name)}`, waiting, async () => {
    const changed = await linkToolchain(name, toolchain, use);
    const machine = await findMachine(name);
    if (machine && !changed) {
      await nodeReady(name);
      report(`The sandbox ${name} is up: https://127.0.0.1:${machine.port}`);
      return;
    }
    if (machine) {
      report(`The sandbox ${name} runs other programs; starting its machine again.`);
      await stopMachine(name, machine);
    }
    const begun = performance.now();
    report(`Starting the sandbox ${name} …`);
    const port = await startMachine(name);
    await nodeReady(name);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    report(`The sandbox ${name} is up after ${seconds} s: https://127.0.0.1:${port}`);
  });
}

/** Takes the sandbox down and keeps its data; does nothing where it is down. */
export async function down(name: string, report: (line: string) => void): Promise<void> {
  const waiting = () => report(`Another command works on the sandbox ${name}; waiting for it to finish.`);
  await withLock(`sandbox ${sandboxDirectory(name)}`, waiting, async () => {
    const machine = await findMachine(name);
    if (machine) await stopMachine(name, machine);
    report(machine ? `The sandbox ${name} is down; its data stays.` : `The sandbox ${name} is not running.`);
  });
}

/** Takes the sandbox down and removes everything that belongs to it, its Pulumi stacks included. */
export async function reset(name: string, report: (line: string) => void): Promise<void> {
  await down(name, report);
  await rm(sandboxDirectory(name), { recursive: true, force: true });
  report(`The sandbox ${name} is removed.`);
}

function refuseUnknownUse(use: Readonly<Record<string, string>>): void {
  const known = [...tools.map((tool) => tool.name), ...knownCharts.map(chartName)];
  for (const [name, path] of Object.entries(use)) {
    if (!known.includes(name)) {
      throw new Error(
        `--use ${name}=${path}: there is no ${name} to replace; known are ${known.join(", ")}.`,
      );
    }
    if (!existsSync(path)) throw new Error(`--use ${name}=${path}: there is no file ${path}.`);
  }
}

/** Makes `bin/`, `charts/` and the provider plugins point at the toolchain; tells whether the programs changed. */
async function linkToolchain(
  name: string,
  toolchain: Toolchain,
  use: Readonly<Record<string, string>>,
): Promise<boolean> {
  const paths = sandboxPaths(name);
  await mkdir(paths.directory, { recursive: true, mode: 0o700 });
  await mkdir(paths.bin, { recursive: true });
  let changed = false;
  const link = async (path: string, target: string) => {
    if ((await readlink(path).catch(() => undefined)) === target) return;
    await rm(path, { force: true });
    await symlink(target, path);
    changed = true;
  };
  for (const [program, built] of Object.entries(toolchain.programs)) {
    const target = use[program] ? resolve(use[program]) : built;
    const plugin = pluginFolder(program);
    if (plugin) {
      const folder = join(paths.pulumiHome, "plugins", plugin);
      await mkdir(folder, { recursive: true });
      await link(join(folder, program), target);
    } else {
      await link(join(paths.bin, program), target);
    }
  }
  for (const [chart, built] of Object.entries(toolchain.charts)) {
    const archive = use[`chart:${chart}`] ? resolve(use[`chart:${chart}`]!) : built;
    await putAlone(archive, join(paths.charts, chart));
  }
  await copyFile(toolchain.kwokStages, join(paths.directory, "kwok-stages.yaml"));
  return changed;
}

/**
 * Makes a copy of a file the only one in a folder. What is there already stays as it is, and a new one takes its place
 * at once: Helm may be reading it.
 */
async function putAlone(file: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const copy = join(folder, basename(file));
  const content = await readFile(file);
  if (!(await readFile(copy).catch(() => undefined))?.equals(content)) {
    await writeFile(`${copy}.partial`, content);
    await rename(`${copy}.partial`, copy);
  }
  for (const other of await readdir(folder)) {
    if (other !== basename(file)) await rm(join(folder, other));
  }
}

/**
 * Folder of a program that is a plugin of Pulumi, in Pulumi's home. Plugins are not on PATH: one that is wins over every
 * version, with a warning each time.
 */
function pluginFolder(program: string): string | undefined {
  if (program === "pulumi-language-nodejs") return `language-nodejs-${pulumiVersion}`;
  const provider = Object.entries(providerVersions).find(([name]) => program === `pulumi-resource-${name}`);
  return provider && `resource-${provider[0]}-v${provider[1]}`;
}

/** The archive of a chart that this sandbox offers, as a path relative to the project: Pulumi wants it so. */
export async function chartArchive(name: string, chart: string): Promise<string> {
  const folder = join(sandboxPaths(name).charts, chart);
  const [file] = await readdir(folder);
  return `./${relative(projectDirectory, join(folder, file!))}`;
}

async function startMachine(name: string): Promise<number> {
  const paths = sandboxPaths(name);
  await ensureCertificates(join(paths.directory, "pki"));
  await writeConfiguration(paths.directory);
  await mkdir(paths.logs, { recursive: true, mode: 0o700 });
  await mkdir(paths.pulumiState, { recursive: true, mode: 0o700 });
  await rm(paths.temporary, { recursive: true, force: true });
  await mkdir(paths.temporary, { mode: 0o700 });
  if (!existsSync(paths.passphrase)) {
    await writeFile(paths.passphrase, randomBytes(24).toString("base64url"), { mode: 0o600 });
  }
  await endUnrecordedMachines(paths.directory);
  const listener = await listenOnLoopback(await previousPort(name));
  const { port } = listener.address() as { port: number };
  const log = await open(join(paths.logs, "machine.log"), "a", 0o600);
  try {
    const keep = [paths.directory, projectDirectory, cacheDirectory, process.execPath].flatMap((path) => [
      "--keep",
      path,
    ]);
    const inside = [process.execPath, join(import.meta.dirname, "machine", "supervisor.ts"), paths.directory];
    const startedAt = new Date().toISOString();
    const pid = await spawnMachine(
      join(paths.bin, "machine"),
      ["start", ...keep, "--", ...inside],
      log.fd,
      listener,
    );
    const machine: Machine = { pid, startTicks: (await startTicks(pid)) ?? "", port, startedAt };
    await writeFile(machineFile(name), JSON.stringify(machine));
    const context = `linkerd-sandbox-${name}`;
    const config = kubeconfig(context, `https://127.0.0.1:${port}`, paths.directory, "admin");
    await writeFile(paths.kubeconfig, JSON.stringify(config, undefined, 2), { mode: 0o600 });
    return port;
  } finally {
    listener.close();
    await log.close();
  }
}

/** Ends machines of this sandbox that no record names: an `up` that was killed right after it had started one. */
async function endUnrecordedMachines(directory: string): Promise<void> {
  for (const entry of await readdir("/proc")) {
    const commandLine = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
    const words = commandLine.split("\0");
    if (words[1] === "first-process" && words.includes(directory)) process.kill(Number(entry), "SIGKILL");
  }
}

/** Starts the machine's first process, which inherits the listening socket, and gives its process ID. */
async function spawnMachine(machine: string, args: string[], log: number, listener: Server): Promise<number> {
  // Node has no public way to hand a listening socket to a program that is not Node's own cluster worker.
  const { fd } = (listener as unknown as { _handle: { fd: number } })._handle;
  const child = spawn(machine, args, { stdio: ["ignore", "pipe", "pipe", fd, log], cwd: projectDirectory });
  let [output, errors] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const code = await new Promise<number | null>((done, failed) => {
    child.on("error", failed);
    child.on("close", done);
  });
  if (code === 0) return Number(output);
  const said = errors.trim();
  if (!said.includes("cannot make namespaces"))
    throw new Error(`The sandbox's machine cannot start: ${said}`);
  throw new Error(
    `The sandbox cannot make namespaces of its own here (${said}): it needs root, or a kernel that lets users make them ` +
      "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0). " +
      'Or use a cluster of your own (README, "On your own cluster").',
  );
}

/** Listens on 127.0.0.1, on the port that this sandbox had before where it is free. */
async function listenOnLoopback(preferred: number): Promise<Server> {
  const listen = (port: number) =>
    new Promise<Server>((done, failed) => {
      const server = createServer();
      server.once("error", failed);
      server.listen(port, "127.0.0.1", () => done(server));
    });
  return listen(preferred).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    return listen(0);
  });
}

async function stopMachine(name: string, machine: Machine): Promise<void> {
  process.kill(machine.pid, "SIGTERM");
  const gone = async () => !(await isRunning(machine)) || `process ${machine.pid} runs`;
  try {
    await until(`the sandbox ${name} to stop`, stopTimeoutMilliseconds, gone);
  } catch {
    // It ends in order or at once, but it ends.
    process.kill(machine.pid, "SIGKILL");
    await until(`the sandbox ${name} to end`, stopTimeoutMilliseconds, gone);
  }
}

const machineFile = (name: string) => join(sandboxDirectory(name), "machine.json");

async function previousPort(name: string): Promise<number> {
  const recorded = await readMachine(name);
  return recorded?.port ?? 0;
}

async function readMachine(name: string): Promise<Machine | undefined> {
  const text = await readFile(machineFile(name), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Machine);
}

/** The sandbox's machine, where it runs. */
export async function findMachine(name: string): Promise<Machine | undefined> {
  const machine = await readMachine(name);
  return machine && (await isRunning(machine)) ? machine : undefined;
}

async function isRunning({ pid, startTicks: recorded }: Machine): Promise<boolean> {
  return (await startTicks(pid)) === recorded;
}

/** Field 22 of `/proc/<pid>/stat`, where the process is there and has not ended. */
async function startTicks(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field, the program's name in parentheses, may hold spaces; the third is the state.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
}

/** Waits until the API server answers through the relay, and the node that runs real processes is ready. */
async function nodeReady(name: string): Promise<void> {
  const paths = sandboxPaths(name);
  const core = sandboxKubeConfig(name).makeApiClient(CoreV1Api);
  const awaited = `the sandbox ${name} to be ready (logs: ${paths.logs})`;
  await until(awaited, readyTimeoutMilliseconds, async () => {
    const machine = await findMachine(name);
    if (!machine) {
      const tail = readFileSync(join(paths.logs, "machine.log"), "utf8")
        .trimEnd()
        .split("\n")
        .slice(-5)
        .join("\n");
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

/** How clients outside the machine reach the sandbox's cluster. */
export function sandboxKubeConfig(name: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(sandboxPaths(name).kubeconfig);
  return config;
}

/**
 * Waits until every Deployment has all of its pods again, as the kubelet of this life reports them: after `up`, the
 * pods of an earlier life take a moment to come back.
 */
export async function podsReady(name: string): Promise<void> {
  const core = sandboxKubeConfig(name).makeApiClient(CoreV1Api);
  const begun = Date.parse((await findMachine(name))?.startedAt ?? "") - 1000;
  const isReady = ({ status }: V1Pod) => {
    const containers = status?.containerStatuses ?? [];
    const fresh = containers.every(({ state }) => (state?.running?.startedAt?.getTime() ?? 0) >= begun);
    return (
      fresh && status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True")
    );
  };
  await until(`the pods of the sandbox ${name} to be ready`, readyTimeoutMilliseconds, async () => {
    const { items } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${nodeName}` });
    // The pods of Jobs come and go, and one that was evicted has another in its place.
    const lasting = items.filter(({ metadata, status }) => {
      const owned = metadata?.ownerReferences?.some(({ kind }) => kind === "ReplicaSet");
      return owned && status?.phase !== "Failed" && metadata?.deletionTimestamp === undefined;
    });
    const waiting = lasting.filter((pod) => !isReady(pod));
    return waiting.length === 0 || `not ready: ${waiting.map(({ metadata }) => metadata?.name).join(", ")}`;
  });
}
