/** The environment in which plain `pulumi`, `kubectl`, `helm` and `linkerd` act on a sandbox and its stack. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, glob, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { projectDirectory, sandboxPaths, stackName } from "./directories.ts";
import { type Report, withLock } from "./lock.ts";
import { chartArchive, shellQuoted } from "./programs.ts";

const project = "linkerd-rotating-tls";

/** Where a CNI plugin puts its files: the usual folders, /etc/cni and /opt/cni, would be the host's. */
const cniFolders = { destCNINetDir: "/run/cni/net.d", destCNIBinDir: "/run/cni/bin" };

/** The setting that names each of the sandbox's charts. */
const chartSettings = new Map([
  ["cert-manager", "certManagerChart"],
  ["trust-manager", "trustManagerChart"],
  ["linkerd-crds", "linkerdCrdsChart"],
  ["linkerd-control-plane", "linkerdControlPlaneChart"],
  ["linkerd2-cni", "linkerdCniChart"],
  ["linkerd-viz", "linkerdVizChart"],
]);

/**
 * Variables that point Pulumi, Helm and Kubernetes clients at the sandbox, and away from the user's own homes; an absent
 * one must not be set, since it would win over another. The passphrase is named by its file, so that no secret is in
 * the environment.
 */
function sandboxVariables(name: string): Record<string, string | undefined> {
  const paths = sandboxPaths(name);
  return {
    KUBECONFIG: paths.kubeconfig,
    PULUMI_HOME: paths.pulumiHome,
    PULUMI_BACKEND_URL: `file://${paths.pulumiState}`,
    PULUMI_STACK: stackName,
    PULUMI_CONFIG_PASSPHRASE: undefined,
    PULUMI_CONFIG_PASSPHRASE_FILE: paths.passphrase,
    PULUMI_OPTION_CONFIG_FILE: paths.stackConfiguration,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // The Kubernetes provider leaves its copies of the kubeconfig in the folder for temporary files.
    TMPDIR: paths.temporary,
    KUBECACHEDIR: join(paths.temporary, "kubectl"),
    HELM_CACHE_HOME: join(paths.helm, "cache"),
    HELM_CONFIG_HOME: join(paths.helm, "config"),
    HELM_DATA_HOME: join(paths.helm, "data"),
    HELM_NAMESPACE: undefined,
    HELM_KUBECONTEXT: undefined,
    HELM_DRIVER: undefined,
    PATH: [paths.bin, join(projectDirectory, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  };
}

export function sandboxEnvironment(name: string): NodeJS.ProcessEnv {
  return { ...process.env, ...sandboxVariables(name) };
}

/** What {@link sandboxEnvironment} changes, as lines for a POSIX shell. */
export function exportLines(name: string): string {
  return Object.entries(sandboxVariables(name))
    .map(([variable, value]) =>
      value === undefined ? `unset ${variable}` : `export ${variable}=${shellQuoted(value)}`,
    )
    .join("\n");
}

/**
 * Makes the stack ready for `pulumi up`: creates it if it does not exist, points its configuration at the sandbox's
 * charts, and takes back its lock from a Pulumi that was killed.
 */
export async function ensureStack(name: string, report: Report): Promise<void> {
  const lock = `stack ${sandboxPaths(name).directory}`;
  await withLock(lock, `Another command prepares the stack of the sandbox ${name}`, report, async () => {
    await writeStackConfiguration(name);
    await createStack(name);
    await releaseStaleLock(name);
  });
}

/**
 * Writes the stack's configuration: the project's own for that stack, what was set in the sandbox over it, and the
 * sandbox's chart archives; below all of it, where a CNI plugin may write.
 */
async function writeStackConfiguration(name: string): Promise<void> {
  const { charts, stackConfiguration: file } = sandboxPaths(name);
  const read = async (path: string) => {
    try {
      return (parse(await readFile(path, "utf8")) ?? {}) as { config?: Record<string, unknown> };
    } catch (error) {
      throw new Error(`${path} is not a stack's configuration: ${(error as Error).message}`);
    }
  };
  const own = existsSync(file) ? await read(file) : {};
  // The salt in the project's own file belongs to another passphrase: only its settings count.
  const { config: shared } = await read(join(projectDirectory, `Pulumi.${stackName}.yaml`));
  const available = await readdir(charts);
  const config: Record<string, unknown> = {
    ...(available.includes("linkerd2-cni") ? { [`${project}:linkerdCniValues`]: cniFolders } : {}),
    ...shared,
    ...own.config,
  };
  for (const chart of available) {
    const key = chartSettings.get(chart);
    if (key !== undefined) config[`${project}:${key}`] = await chartArchive(name, chart);
  }
  await writeFile(file, stringify({ ...own, config }), { mode: 0o600 });
}

async function createStack(name: string): Promise<void> {
  const { directory } = sandboxPaths(name);
  const { stdout } = await pulumi(name, "stack", "ls", "--json");
  const stacks = JSON.parse(stdout) as { name: string }[];
  if (stacks.some((stack) => stack.name.split("/").at(-1) === stackName)) return;
  // `stack init` writes the stack's encryption salt beside Pulumi.yaml, wherever the configuration file is said to be.
  const copy = join(directory, "Pulumi.yaml");
  await copyFile(join(projectDirectory, "Pulumi.yaml"), copy);
  await pulumi(name, "stack", "init", stackName, "--secrets-provider", "passphrase", "--cwd", directory);
  await rm(copy);
}

/** Takes back the stack's lock if the Pulumi that took it was killed; one that runs keeps it. */
async function releaseStaleLock(name: string): Promise<void> {
  const cwd = join(sandboxPaths(name).pulumiState, ".pulumi", "locks");
  for await (const file of glob("**/*.json", { cwd })) {
    const text = await readFile(join(cwd, file), "utf8").catch(() => undefined);
    if (text === undefined) continue; // Its Pulumi has just ended.
    const { pid } = JSON.parse(text) as { pid: number };
    const holder = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!/pulumi/.test(holder)) return void (await pulumi(name, "cancel", "--yes"));
  }
}

const pulumi = (name: string, ...args: string[]) =>
  promisify(execFile)("pulumi", args, { env: sandboxEnvironment(name), cwd: projectDirectory });
