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

/** Everything that belongs to the sandbox `name`; removing it removes the sandbox. */
export function sandboxDirectory(name: string): string {
  return join(projectDirectory, ".sandbox", name);
}

/** Which sandbox a command means that does not name one: `SANDBOX`, or `default`. */
export const defaultSandboxName = process.env.SANDBOX || "default";
