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

/**
 * Everything that belongs to the sandbox `name`; removing it removes the sandbox.
 *
 * @throws where the name breaks the rule: it could lead to any folder.
 */
export function sandboxDirectory(name: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new Error(`"${name}" is not the name of a sandbox: ${sandboxNameRule}.`);
  }
  return join(projectDirectory, ".sandbox", name);
}

/** Which sandbox a command means that does not name one: `SANDBOX`, or `default`. */
export const defaultSandboxName = process.env.SANDBOX || "default";
