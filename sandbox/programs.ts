/** What a sandbox has of the toolchain: programs on its `PATH`, Pulumi's plugins, and charts. */
import { mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { cacheDirectory, projectDirectory, sandboxPaths } from "./directories.ts";
import type { Report } from "./lock.ts";
import { ensureToolchain, type Toolchain } from "./toolchain/toolchain.ts";
import {
  builtWhenRun,
  type Extra,
  isBuiltWhenRun,
  providerVersions,
  pulumiVersion,
} from "./toolchain/tools.ts";

/** Makes `bin/`, `charts/` and the provider plugins point at the toolchain; returns whether the machine's programs changed. */
export async function linkToolchain(
  name: string,
  toolchain: Toolchain,
  use: Readonly<Record<string, string>>,
): Promise<boolean> {
  const paths = sandboxPaths(name);
  await mkdir(paths.directory, { recursive: true, mode: 0o700 });
  let changed = false;
  for (const [program, built] of Object.entries(toolchain.programs)) {
    const plugin = pluginFolder(program);
    const folder = plugin ? join(paths.pulumiHome, "plugins", plugin) : paths.bin;
    await mkdir(folder, { recursive: true });
    const isNew = await link(join(folder, program), resolve(use[program] ?? built));
    // The machine does not run these.
    if (isNew && !isBuiltWhenRun(program)) changed = true;
  }
  for (const program of builtWhenRun.filter((command) => !(command in toolchain.programs))) {
    if (use[program]) await link(join(paths.bin, program), resolve(use[program]));
    else await putAtOnce(join(paths.bin, program), launcher(name, program), 0o755);
  }
  for (const [chart, built] of Object.entries(toolchain.charts)) {
    await putAlone(resolve(use[`chart:${chart}`] ?? built), join(paths.charts, chart));
  }
  return changed;
}

/** Replaces whatever is there with a symbolic link; returns whether that changed anything. */
async function link(path: string, target: string): Promise<boolean> {
  if ((await readlink(path).catch(() => undefined)) === target) return false;
  await rm(`${path}.link`, { force: true });
  await symlink(target, `${path}.link`);
  await rename(`${path}.link`, path);
  return true;
}

/** A script that builds the program whose name it has, is replaced by it, and runs it. */
function launcher(name: string, program: string): string {
  const cli = [process.execPath, join(import.meta.dirname, "cli.ts")].map(shellQuoted).join(" ");
  return `#!/bin/sh
XDG_CACHE_HOME=${shellQuoted(dirname(cacheDirectory))} ${cli} build --name ${name} ${program} >&2 && exec "$0" "$@"
`;
}

export const shellQuoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** What a launcher runs. */
export async function buildCommand(name: string, program: Extra, report: Report): Promise<void> {
  report(`${program} is built when it is first run.`);
  const { programs } = await ensureToolchain(report, [program]);
  await link(join(sandboxPaths(name).bin, program), programs[program]!);
}

/** Makes a copy of a file the only one in a folder. */
async function putAlone(file: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await putAtOnce(join(folder, basename(file)), await readFile(file));
  for (const other of await readdir(folder)) {
    if (other !== basename(file)) await rm(join(folder, other));
  }
}

/** Writes a file, unless it has that content: in one step, since someone may be reading or running the present one. */
async function putAtOnce(path: string, content: string | Buffer, mode?: number): Promise<void> {
  if ((await readFile(path).catch(() => undefined))?.equals(Buffer.from(content))) return;
  await writeFile(`${path}.new`, content, { mode });
  await rename(`${path}.new`, path);
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

/** The archive of a chart that this sandbox has, as a path relative to the project: Pulumi wants it so. */
export async function chartArchive(name: string, chart: string): Promise<string> {
  const folder = join(sandboxPaths(name).charts, chart);
  const [file] = await readdir(folder);
  return `./${relative(projectDirectory, join(folder, file!))}`;
}
