/** Pulumi as the toolchain has it, with a state of its own and without a cluster. */
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { Toolchain } from "../sandbox/toolchain/toolchain.ts";

const repository = resolve(import.meta.dirname, "..");

/** Variables for plain `pulumi`, once {@link linkEngine} has been there. */
export const engineEnvironment = (directory: string): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: [join(directory, "bin"), join(repository, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  KUBECONFIG: join(directory, "no-kubeconfig"),
  PULUMI_HOME: join(directory, "pulumi"),
  PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
  PULUMI_CONFIG_PASSPHRASE: "test",
  PULUMI_SKIP_UPDATE_CHECK: "true",
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
});

/** Puts Pulumi and its plugins into a folder. */
export function linkEngine(directory: string, { programs }: Toolchain): void {
  const { dependencies } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  mkdirSync(join(directory, "state"));
  for (const [name, path] of Object.entries(programs)) {
    if (!name.startsWith("pulumi")) continue;
    const provider = name.split("pulumi-resource-")[1];
    // `pulumi new` would download a provider even if it is on PATH.
    const folder =
      provider === undefined
        ? join(directory, "bin")
        : join(
            directory,
            "pulumi",
            "plugins",
            `resource-${provider}-v${dependencies[`@pulumi/${provider}`]}`,
          );
    mkdirSync(folder, { recursive: true });
    symlinkSync(path, join(folder, name));
  }
}
