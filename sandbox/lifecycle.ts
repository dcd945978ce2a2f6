/** Brings a sandbox up, takes it down, and removes it. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { platform } from "node:os";
import { join } from "node:path";
import { sandboxPaths } from "./directories.ts";
import { type Report, withLock } from "./lock.ts";
import { nodeReady } from "./machine/cluster.ts";
import { findMachine, startMachine, stopMachine } from "./machine/machine.ts";
import { processIds, readProcess } from "./processes.ts";
import { linkToolchain } from "./programs.ts";
import { ensureToolchain } from "./toolchain/toolchain.ts";
import { type Extra, replaceable } from "./toolchain/tools.ts";

/**
 * Brings the sandbox `name` up: builds what is missing, starts its machine unless it runs, waits until its node is
 * ready. It changes nothing about a running sandbox, unless `use` or `extras` name other programs than it has.
 *
 * @param use programs and charts of the user's own, by name (`linkerd-controller`, `chart:linkerd-crds`), in place of
 *   those that the sandbox builds.
 * @param extras what it is to have beside that which every sandbox has; what it has had before stays.
 */
export async function up(
  name: string,
  use: Readonly<Record<string, string>>,
  report: Report,
  extras: readonly Extra[] = [],
): Promise<void> {
  refuseUnknownUse(use);
  if (platform() !== "linux") {
    throw new Error(
      `The sandbox needs Linux; this is ${platform()}. Use a cluster of your own instead (docs/install.md).`,
    );
  }
  const toolchain = await ensureToolchain(report, extras);
  await alone(name, report, async () => {
    const changed = await linkToolchain(name, toolchain, use);
    let machine = await findMachine(name);
    if (machine && changed) {
      report(`The programs of the sandbox ${name} have changed; its machine is stopped first.`);
      await stopMachine(name, machine);
      machine = undefined;
    }
    if (!machine) report(`Starting the sandbox ${name} …`);
    const port = machine?.port ?? (await startMachine(name));
    await nodeReady(name);
    report(`The sandbox ${name} is up: https://127.0.0.1:${port}`);
  });
}

/** Takes the sandbox down and keeps its data; does nothing if it is down. */
export async function down(name: string, report: Report): Promise<void> {
  await alone(name, report, async () => {
    const machine = await findMachine(name);
    if (machine) await stopMachine(name, machine);
    endPlugins(name);
    report(machine ? `The sandbox ${name} is down; its data stays.` : `The sandbox ${name} is not running.`);
  });
}

/** Ends the plugins of a Pulumi that was killed, which go on without it. */
function endPlugins(name: string): void {
  const plugins = join(sandboxPaths(name).pulumiHome, "plugins/");
  for (const pid of processIds()) {
    if (!readProcess(pid, "cmdline").startsWith(plugins)) continue;
    try {
      process.kill(pid);
    } catch (error) {
      // It has ended by itself.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Takes the sandbox down and removes everything that belongs to it, its Pulumi stacks included. */
export async function reset(name: string, report: Report): Promise<void> {
  await down(name, report);
  await rm(sandboxPaths(name).directory, { recursive: true, force: true });
  report(`The sandbox ${name} is removed.`);
}

/** Does `work` while no other command changes the sandbox. */
function alone(name: string, report: Report, work: () => Promise<void>): Promise<void> {
  const lock = `sandbox ${sandboxPaths(name).directory}`;
  return withLock(lock, `Another command is changing the sandbox ${name}`, report, work);
}

function refuseUnknownUse(use: Readonly<Record<string, string>>): void {
  for (const [name, path] of Object.entries(use)) {
    if (!replaceable.includes(name)) {
      const known = replaceable.join(", ");
      throw new Error(`--use ${name}=${path}: there is no ${name} to replace; known are ${known}.`);
    }
    if (!existsSync(path)) throw new Error(`--use ${name}=${path}: there is no file ${path}.`);
  }
}
