/** Runs the commands of a build: their output goes to a log, and they end with the build, however it ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { finished } from "node:stream/promises";

const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface CommandOptions {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** File that the output is appended to. */
  readonly log: string;
  /** Ends the command, and all that it started. */
  readonly signal: AbortSignal;
  /** Is given the command's process group once it runs. */
  readonly onStart: (group: number) => void;
}

/**
 * Runs a command, and gives what it writes to its standard output.
 *
 * @throws if it fails, with the end of its log; if the signal is aborted, its reason.
 */
export async function runLogged(
  command: string,
  args: readonly string[],
  { directory, environment, log, signal, onStart }: CommandOptions,
): Promise<string> {
  signal.throwIfAborted();
  const output = createWriteStream(log, { flags: "a" });
  output.write(`$ ${[command, ...args].join(" ")}\n`);
  const child = spawn(command, args, {
    cwd: directory,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that what the command starts ends with it.
    detached: true,
  });
  if (child.pid !== undefined) onStart(child.pid);
  const kill = () => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {
      // It has ended, or never began.
    }
  };
  signal.addEventListener("abort", kill);
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const [code, killedBy] = await once(child, "close").finally(() => {
    signal.removeEventListener("abort", kill);
    output.end();
  });
  await finished(output);
  signal.throwIfAborted();
  if (code === 0) return stdout;
  const tail = readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  throw new Error(`${command} ${args[0]} ended with ${code ?? killedBy}; the log is ${log}:\n${tail}`);
}

/**
 * Runs `work`, which ends early if its controller aborts. A signal that would end this process aborts it; the process
 * then ends by that signal once `work` has ended, so that nothing that `work` started outlives it.
 */
export async function endingWithProcess(work: (controller: AbortController) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const end = (signal: NodeJS.Signals) => {
    received = signal;
    controller.abort(new Error(`ended by ${signal}`));
  };
  for (const signal of endSignals) process.on(signal, end);
  try {
    await work(controller);
  } finally {
    for (const signal of endSignals) process.off(signal, end);
    if (received) process.kill(process.pid, received);
  }
}
