/** Where the sandbox keeps things. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The clone: where `Pulumi.yaml` lies. */
export const projectDirectory = resolve(import.meta.dirname, "..");

/** Go modules that pin and build the toolchain. */
export const goDirectory = join(import.meta.dirname, "go");

/** User-level cache of what is built, shared by all clones and sandboxes. */
export const cacheDirectory = join(
  process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
  "linkerd-rotating-tls",
);

/** What a sandbox may be called: safe as a folder's name, and as part of a Kubernetes context's. */
export const sandboxNameRule = "1 to 32 of a-z, 0-9 and '-', not beginning or ending in '-'";

/** The sandbox that a command means if it names none: `SANDBOX`, or `default`. */
export const defaultSandboxName = process.env.SANDBOX || "default";

/** The stack that every sandbox has. */
export const stackName = "dev";

/**
 * Where the parts of the sandbox `name` lie. All are in its `directory`; removing that removes the sandbox.
 *
 * @throws if the name breaks the rule: it could lead to any folder.
 */
export function sandboxPaths(name: string) {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new Error(`"${name}" is not the name of a sandbox: ${sandboxNameRule}.`);
  }
  const directory = join(projectDirectory, ".sandbox", name);
  return {
    directory,
    bin: join(directory, "bin"),
    kubeconfig: join(directory, "kubeconfig"),
    logs: join(directory, "logs"),
    charts: join(directory, "charts"),
    machine: join(directory, "machine.json"),
    /** Made of the clone's; the files of all stacks lie beside it. */
    project: join(directory, "Pulumi.yaml"),
    stackConfiguration: join(directory, `Pulumi.${stackName}.yaml`),
    pulumiHome: join(directory, "pulumi"),
    pulumiState: join(directory, "state"),
    passphrase: join(directory, "passphrase"),
    helm: join(directory, "helm"),
    temporary: join(directory, "temporary"),
  };
}
