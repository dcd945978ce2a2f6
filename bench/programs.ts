/** The two programs that are measured, each with a stack and a cluster of a sandbox. */
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { projectDirectory } from "../sandbox/directories.ts";
import { ensureStack, sandboxEnvironment } from "../sandbox/environment.ts";
import { chartArchive } from "../sandbox/programs.ts";

const stockDirectory = join(import.meta.dirname, "stock");

export interface Program {
  readonly name: "ours" | "stock";
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

type Report = (line: string) => void;

/** Our program, with a new stack of a sandbox that is up. */
export async function ourProgram(sandbox: string, report: Report): Promise<Program> {
  await ensureStack(sandbox, report);
  return { name: "ours", directory: projectDirectory, environment: sandboxEnvironment(sandbox) };
}

/** The stock program, with a new stack of a sandbox that is up, and with the charts of that sandbox. */
export async function stockProgram(sandbox: string, report: Report): Promise<Program> {
  const environment = { ...sandboxEnvironment(sandbox), PULUMI_OPTION_CWD: undefined };
  const program: Program = { name: "stock", directory: stockDirectory, environment };
  await install(program, report);
  const chart = async (name: string) =>
    relative(stockDirectory, join(projectDirectory, await chartArchive(sandbox, name)));
  const config = {
    "stock:certManagerChart": await chart("cert-manager"),
    "stock:linkerdCrdsChart": await chart("linkerd-crds"),
    "stock:linkerdControlPlaneChart": await chart("linkerd-control-plane"),
  };
  // Pulumi adds the stack's encryption salt to it.
  await writeFile(join(stockDirectory, "Pulumi.dev.yaml"), stringify({ config }));
  await run(program, "pulumi", "stack", "init", "dev", "--secrets-provider", "passphrase");
  return program;
}

/** Installs the stock program's packages, as they are locked, where that has not been done. */
async function install(program: Program, report: Report): Promise<void> {
  const changedAt = (file: string) =>
    statSync(join(stockDirectory, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (changedAt("node_modules/.package-lock.json") > changedAt("package-lock.json")) return;
  report("Installing the stock program's packages …");
  await run(program, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
}

/**
 * Runs a command of a program, and gives what it writes to its standard output.
 *
 * @throws Error with all that it says where it fails.
 */
export async function run(program: Program, command: string, ...args: string[]): Promise<string> {
  const options = { cwd: program.directory, env: program.environment, maxBuffer: 64 * 1024 * 1024 };
  try {
    return (await promisify(execFile)(command, args, options)).stdout;
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${program.name}: ${message}\n${stdout}${stderr}`);
  }
}
