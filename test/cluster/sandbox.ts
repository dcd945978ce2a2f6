/** What the tests on a sandbox share: their sandbox, its stack, and commands that act on it. */
import { spawn } from "node:child_process";
import { basename, resolve } from "node:path";
import { ensureStack, sandboxEnvironment } from "../../sandbox/environment.ts";
import { up } from "../../sandbox/lifecycle.ts";
import { sandboxKubeConfig } from "../../sandbox/machine/cluster.ts";
import type { Extra } from "../../sandbox/toolchain/tools.ts";

export const projectDirectory = resolve(import.meta.dirname, "..", "..");

/** Each test file has a sandbox of its own, called like the file: the user's stays as it is, and files run together. */
export const sandboxName = basename(process.argv[1]!).replace(".cluster.test.ts", "");

/** No command that a test runs takes as long, on a busy machine either. */
const commandTimeoutMilliseconds = 10 * 60_000;

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Brings a sandbox up, with the extras that the test needs, makes its stack, and gives its environment. */
export async function testSandbox(
  name = sandboxName,
  extras: readonly Extra[] = [],
): Promise<NodeJS.ProcessEnv> {
  await up(name, {}, (line) => console.log(line), extras);
  await ensureStack(name, (line) => console.log(line));
  return sandboxEnvironment(name);
}

export const kubeConfig = (name = sandboxName) => sandboxKubeConfig(name);

/**
 * Runs a command to its end, and gives its output; `onOutput` sees the output as it comes, and can kill the command.
 *
 * @throws with the output so far if the command has not ended after ten minutes; it is killed then.
 */
export function execute(
  environment: NodeJS.ProcessEnv,
  command: string,
  args: readonly string[],
  onOutput?: (text: string, kill: () => void) => void,
): Promise<CommandResult> {
  const child = spawn(command, args, {
    cwd: projectDirectory,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that killing it kills what it started, too.
    detached: true,
  });
  const output = { stdout: "", stderr: "" };
  const kill = () => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {
      // It has ended.
    }
  };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      onOutput?.(text, kill);
    });
  }
  return new Promise((done, failed) => {
    const timer = setTimeout(() => {
      kill();
      const said = `${output.stdout}${output.stderr}`;
      failed(new Error(`${command} ${args.join(" ")} was killed after ten minutes; it said:\n${said}`));
    }, commandTimeoutMilliseconds);
    child.on("error", (error) => {
      clearTimeout(timer);
      failed(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ code, ...output });
    });
  });
}

/** Runs a command that must succeed. */
export async function succeed(
  environment: NodeJS.ProcessEnv,
  command: string,
  ...args: string[]
): Promise<CommandResult> {
  const result = await execute(environment, command, args);
  if (result.code !== 0) {
    throw new Error(
      `${command} ${args.join(" ")} ended with ${result.code}:\n${result.stdout}${result.stderr}`,
    );
  }
  return result;
}
