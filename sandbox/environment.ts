/** The environment in which plain `pulumi`, `kubectl`, `helm` and `linkerd` act on a sandbox and its stack. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, glob, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { projectDirectory } from "./directories.ts";
import { chartArchive, sandboxPaths } from "./lifecycle.ts";

/** Every sandbox has this one stack. */
const stackName = "dev";

const project = "linkerd-rotating-tls";

/** The stack's configuration file lies in the sandbox: its encryption salt and chart archives belong to the sandbox. */
function stackConfigurationFile(name: string): string {
  return join(sandboxPaths(name).directory, `Pulumi.${stackName}.yaml`);
}

/**
 * Variables that point Pulumi, Helm and Kubernetes clients at the sandbox, and away from the user's own homes.
 * The passphrase is named by its file, so that no secret is in the environment.
 */
export function sandboxEnvironment(name: string): Record<string, string> {
  const paths = sandboxPaths(name);
  return {
    KUBECONFIG: paths.kubeconfig,
    PULUMI_HOME: paths.pulumiHome,
    PULUMI_BACKEND_URL: `file://${paths.pulumiState}`,
    PULUMI_STACK: stackName,
    PULUMI_CONFIG_PASSPHRASE_FILE: paths.passphrase,
    PULUMI_OPTION_CONFIG_FILE: stackConfigurationFile(name),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "true",
    // The Kubernetes provider leaves its copies of the kubeconfig in the folder for temporary files.
    TMPDIR: paths.temporary,
    KUBECACHEDIR: join(paths.temporary, "kubectl"),
    HELM_CACHE_HOME: join(paths.helm, "cache"),
    HELM_CONFIG_HOME: join(paths.helm, "config"),
    HELM_DATA_HOME: join(paths.helm, "data"),
    PATH: [paths.bin, join(projectDirectory, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  };
}

/** The environment as `export …` lines for a POSIX shell. */
export function exportLines(name: string): string {
  return Object.entries(sandboxEnvironment(name))
    .map(([variable, value]) => `export ${variable}='${value.replaceAll("'", "'\\''")}'`)
    .join("\n");
}

/**
 * Writes the stack's configuration where it is missing, from the project's own for that stack, and points it at the
 * sandbox's chart archives.
 */
export async function prepareStackConfiguration(name: string): Promise<void> {
  const file = stackConfigurationFile(name);
  const read = async (path: string) =>
    (parse(await readFile(path, "utf8")) ?? {}) as { config?: Record<string, unknown> };
  // The salt of the project's own file, where it has one, goes with another passphrase.
  const settings = existsSync(file)
    ? await read(file)
    : { config: (await read(join(projectDirectory, `Pulumi.${stackName}.yaml`))).config };
  const config = { ...settings.config };
  for (const [key, chart] of [
    ["certManagerChart", "cert-manager"],
    ["linkerdCrdsChart", "linkerd-crds"],
    ["linkerdControlPlaneChart", "linkerd-control-plane"],
  ] as const) {
    config[`${project}:${key}`] = await chartArchive(name, chart);
  }
  await writeFile(file, stringify({ ...settings, config }), { mode: 0o600 });
}

/** Creates the stack where it is not there yet. */
export async function ensureStack(name: string): Promise<void> {
  const { directory } = sandboxPaths(name);
  const env = { ...process.env, ...sandboxEnvironment(name) };
  const pulumi = (...args: string[]) => promisify(execFile)("pulumi", args, { env, cwd: projectDirectory });
  const { stdout } = await pulumi("stack", "ls", "--json");
  const stacks = JSON.parse(stdout) as { name: string }[];
  if (stacks.some((stack) => stack.name.split("/").at(-1) === stackName)) return;
  // `stack init` writes the stack's encryption salt beside Pulumi.yaml, wherever the configuration file is said to be.
  const project = join(directory, "Pulumi.yaml");
  await copyFile(join(projectDirectory, "Pulumi.yaml"), project);
  await pulumi("stack", "init", stackName, "--secrets-provider", "passphrase", "--cwd", directory);
  await rm(project);
}

/** Takes back the stack's lock where the Pulumi that took it was killed; one that runs keeps it. */
export async function releaseStaleLock(name: string): Promise<void> {
  const locks = glob(join(sandboxPaths(name).pulumiState, ".pulumi", "locks", "**", "*.json"));
  for await (const file of locks) {
    const { pid } = JSON.parse(await readFile(file, "utf8")) as { pid: number };
    if (existsSync(`/proc/${pid}`)) continue;
    const env = { ...process.env, ...sandboxEnvironment(name) };
    await promisify(execFile)("pulumi", ["cancel", "--yes"], { env, cwd: projectDirectory });
    return;
  }
}
