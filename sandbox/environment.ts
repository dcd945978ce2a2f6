/** The environment in which plain `pulumi`, `kubectl`, `helm` and `linkerd` act on a sandbox and its stacks. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { glob, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { projectDirectory, sandboxPaths, stackName } from "./directories.ts";
import { type Report, withLock } from "./lock.ts";
import { chartArchive, shellQuoted } from "./programs.ts";

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

/** The sandbox has one archive of each chart, and no stack sets another. */
const chartKeys = Array.from(chartSettings.values(), (key) => `linkerd-rotating-tls:${key}`);

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
    // Without files of metadata beside the state: unlike that, they are not written at once, and a Pulumi that is killed
    // meanwhile leaves one that ends in the middle, with which the state cannot be read any more.
    PULUMI_BACKEND_URL: `file://${paths.pulumiState}?metadata=skip`,
    // It would win over the stack that is selected.
    PULUMI_STACK: undefined,
    PULUMI_CONFIG_PASSPHRASE: undefined,
    PULUMI_CONFIG_PASSPHRASE_FILE: paths.passphrase,
    // Pulumi's --cwd: its project is the sandbox's, with the files of the stacks beside it.
    PULUMI_OPTION_CWD: paths.directory,
    PULUMI_OPTION_CONFIG_FILE: undefined,
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
 * Makes the sandbox's project, and its stack ready for `pulumi up`: creates that if it does not exist, and takes back
 * locks from a Pulumi that was killed.
 */
export async function ensureStack(name: string, report: Report): Promise<void> {
  const lock = `stack ${sandboxPaths(name).directory}`;
  await withLock(lock, `Another command prepares the stack of the sandbox ${name}`, report, async () => {
    await writeProject(name);
    await writeStackConfiguration(name);
    await createStack(name);
    await releaseStaleLocks(name);
  });
}

interface Project {
  readonly config: Readonly<Record<string, { readonly default: unknown }>>;
}

/**
 * Writes the sandbox's project: the clone's program, and its settings with the sandbox's chart archives for defaults, so
 * that every stack has them. What `pulumi config set` changes is kept beside it, and not in the clone.
 */
async function writeProject(name: string): Promise<void> {
  const { charts, project: file } = sandboxPaths(name);
  const project = (await readYaml(join(projectDirectory, "Pulumi.yaml"))) as Project;
  const available = await readdir(charts);
  const defaults: Record<string, unknown> = available.includes("linkerd2-cni")
    ? { linkerdCniValues: cniFolders }
    : {};
  for (const chart of available) {
    const key = chartSettings.get(chart);
    if (key !== undefined) defaults[key] = await chartArchive(name, chart);
  }
  const config = Object.entries(project.config).map(([key, declaration]) => [
    key,
    key in defaults ? { ...declaration, default: defaults[key] } : declaration,
  ]);
  // Paths in the settings are relative to the folder of the program, which is this one.
  await writeFile(
    file,
    stringify({ ...project, main: projectDirectory, config: Object.fromEntries(config) }),
  );
}

/** Writes the stack's configuration: the clone's own for that stack, and over it what was set in the sandbox. */
async function writeStackConfiguration(name: string): Promise<void> {
  const { stackConfiguration: file } = sandboxPaths(name);
  const own: StackFile = existsSync(file) ? await readYaml(file) : {};
  // The salt in the clone's own file belongs to another passphrase: only its settings count.
  const { config: shared } = (await readYaml(
    join(projectDirectory, `Pulumi.${stackName}.yaml`),
  )) as StackFile;
  const config = Object.fromEntries(
    Object.entries({ ...shared, ...own.config }).filter(([key]) => !chartKeys.includes(key)),
  );
  await writeFile(file, stringify({ ...own, config }), { mode: 0o600 });
}

interface StackFile {
  readonly config?: Readonly<Record<string, unknown>>;
}

async function readYaml(path: string): Promise<object> {
  try {
    return parse(await readFile(path, "utf8")) ?? {};
  } catch (error) {
    throw new Error(`${path} cannot be read as YAML: ${(error as Error).message}`);
  }
}

async function createStack(name: string): Promise<void> {
  const { stdout } = await pulumi(name, "stack", "ls", "--json");
  const stacks = JSON.parse(stdout) as { name: string; current: boolean }[];
  if (!stacks.some((stack) => stack.name.split("/").at(-1) === stackName)) {
    await pulumi(name, "stack", "init", stackName, "--secrets-provider", "passphrase");
  } else if (!stacks.some(({ current }) => current)) {
    await pulumi(name, "stack", "select", stackName);
  }
}

/** Takes back each stack's lock if the Pulumi that took it was killed; one that runs keeps it. */
async function releaseStaleLocks(name: string): Promise<void> {
  const cwd = join(sandboxPaths(name).pulumiState, ".pulumi", "locks");
  for await (const file of glob("**/*.json", { cwd })) {
    const text = await readFile(join(cwd, file), "utf8").catch(() => undefined);
    if (text === undefined) continue; // Its Pulumi has just ended.
    const { pid } = JSON.parse(text) as { pid: number };
    const holder = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (!/pulumi/.test(holder)) await pulumi(name, "cancel", basename(dirname(file)), "--yes");
  }
}

const pulumi = (name: string, ...args: string[]) =>
  promisify(execFile)("pulumi", args, { env: sandboxEnvironment(name), cwd: projectDirectory });
