/** The machine as the host sees it: a process that is started, found again, and ended. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { cacheDirectory, projectDirectory, sandboxPaths } from "../directories.ts";
import { processIds, processStat, readProcess } from "../processes.ts";
import { until } from "../until.ts";
import { ensureCertificates } from "./certificates.ts";
import { kubeconfig, writeConfiguration } from "./controlPlane.ts";

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

/** Starts the machine of a sandbox, and gives the port that leads to its API server. */
export async function startMachine(name: string): Promise<number> {
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
  endUnrecordedMachines(paths.directory);
  const listener = await listenOnLoopback((await readMachine(name))?.port ?? 0);
  const { port } = listener.address() as { port: number };
  const log = await open(join(paths.logs, "machine.log"), "a", 0o600);
  try {
    const kept = [paths.directory, projectDirectory, cacheDirectory, process.execPath];
    const keep = kept.flatMap((path) => ["--keep", path]);
    const inside = [process.execPath, join(import.meta.dirname, "supervisor.ts"), paths.directory];
    const startedAt = new Date().toISOString();
    const command = ["start", ...keep, "--", ...inside];
    const pid = await spawnMachine(join(paths.bin, "machine"), command, log.fd, listener);
    const machine: Machine = { pid, startTicks: processStat(pid)?.startTicks ?? "", port, startedAt };
    await writeFile(paths.machine, JSON.stringify(machine));
    const context = `linkerd-sandbox-${name}`;
    const config = kubeconfig(context, `https://127.0.0.1:${port}`, paths.directory, "admin");
    await writeFile(paths.kubeconfig, JSON.stringify(config, undefined, 2), { mode: 0o600 });
    return port;
  } finally {
    listener.close();
    await log.close();
  }
}

/** Ends machines of this sandbox that no record names: those of an `up` that was killed right after it had started one. */
function endUnrecordedMachines(directory: string): void {
  for (const pid of processIds()) {
    const words = readProcess(pid, "cmdline").split("\0");
    if (words[1] === "first-process" && words.includes(directory)) process.kill(pid, "SIGKILL");
  }
}

/** Starts the machine's first process, which inherits the listening socket, and gives its process ID. */
async function spawnMachine(machine: string, args: string[], log: number, listener: Server): Promise<number> {
  // Node has no public way to hand a listening socket to a program that is not Node's own cluster worker.
  const { fd } = (listener as unknown as { _handle: { fd: number } })._handle;
  const child = spawn(machine, args, { stdio: ["ignore", "pipe", "pipe", fd, log], cwd: projectDirectory });
  const [[code], output, errors] = await Promise.all([
    once(child, "close"),
    text(child.stdout!),
    text(child.stderr!),
  ]);
  if (code === 0) return Number(output);
  const said = errors.trim();
  if (!said.includes("cannot make namespaces"))
    throw new Error(`The sandbox's machine cannot start: ${said}`);
  throw new Error(
    `The sandbox cannot make namespaces of its own here (${said}): it needs root, or a kernel that lets users make them ` +
      "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0). " +
      "Or use a cluster of your own (docs/install.md).",
  );
}

/** Listens on 127.0.0.1, on the port that this sandbox had before if that is free. */
async function listenOnLoopback(preferred: number): Promise<Server> {
  const server = createServer().listen(preferred, "127.0.0.1");
  try {
    await once(server, "listening");
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    return listenOnLoopback(0);
  }
}

export async function stopMachine(name: string, machine: Machine): Promise<void> {
  process.kill(machine.pid, "SIGTERM");
  const gone = async () => !isRunning(machine) || `process ${machine.pid} is still running`;
  try {
    await until(`the sandbox ${name} to stop`, stopTimeoutMilliseconds, gone);
  } catch {
    process.kill(machine.pid, "SIGKILL");
    await until(`the sandbox ${name} to end`, stopTimeoutMilliseconds, gone);
  }
}

/** The sandbox's machine, if it is running. */
export async function findMachine(name: string): Promise<Machine | undefined> {
  const machine = await readMachine(name);
  return machine && isRunning(machine) ? machine : undefined;
}

async function readMachine(name: string): Promise<Machine | undefined> {
  const text = await readFile(sandboxPaths(name).machine, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Machine);
}

const isRunning = ({ pid, startTicks }: Machine) => processStat(pid)?.startTicks === startTicks;
