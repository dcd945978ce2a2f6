/** The Pulumi project in whose folder a command runs. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";

/** What `Pulumi.yaml` says, as far as the commands need it. */
export interface Project {
  /** Folder of `Pulumi.yaml`. */
  readonly folder: string;
  readonly name: string;
  /** What it declares of its stacks' settings. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Folder of the stacks' files, relative to the project's. */
  readonly stackConfigDir: string;
}

/**
 * The project that Pulumi would find: the one of this folder, or of `PULUMI_OPTION_CWD`, or the nearest above.
 *
 * @throws Error if there is none, or it cannot be read.
 */
export function readProject(): Project {
  const start = resolve(process.env.PULUMI_OPTION_CWD || ".");
  let folder = start;
  while (!existsSync(join(folder, "Pulumi.yaml"))) {
    if (folder === dirname(folder)) {
      throw new Error(`There is no Pulumi.yaml in ${start} or above it.`);
    }
    folder = dirname(folder);
  }
  const {
    name,
    config = {},
    stackConfigDir = "",
  } = parse(readFileSync(join(folder, "Pulumi.yaml"), "utf8")) as Pick<Project, "name"> & Partial<Project>;
  return { folder, name, config, stackConfigDir };
}
