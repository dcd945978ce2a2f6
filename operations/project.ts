/** The Pulumi project in whose folder a command runs. */
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
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

/** The file of a stack, whatever organisation its name begins with. */
export function stackFileOf({ folder, stackConfigDir }: Project, stack: string): string {
  return join(folder, stackConfigDir, `Pulumi.${stack.split("/").at(-1)}.yaml`);
}

/** The text of a stack's file; empty for a stack whose settings are all defaults, which has none yet. */
export function readStackText(project: Project, stack: string): string {
  const file = stackFileOf(project, stack);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** Changes a stack's file, all at once: whoever reads it meanwhile gets the old one or the new one. */
export function writeStackText(project: Project, stack: string, text: string): void {
  const file = stackFileOf(project, stack);
  const draft = `${file}.new`;
  writeFileSync(draft, text, existsSync(file) ? { mode: statSync(file).mode } : {});
  renameSync(draft, file);
}
