/** What the commands that read a live cluster have in common. */
import { setTimeout } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { connect, type Mesh } from "../mesh/cluster.ts";
import { durationMilliseconds, durationSyntax } from "../rules/lifetimes/duration.ts";
import { exitCodes, exitForUsage, exitInterrupted } from "./exitCodes.ts";
import { formatSpan } from "./format.ts";

const longestTimeoutMilliseconds = 24 * 3_600_000;

export interface CommonOptions {
  readonly context?: string;
  readonly namespace: string;
  readonly timeout: number;
  readonly json: boolean;
  /** Time between two looks, in milliseconds; absent: one look. */
  readonly watch?: number;
}

export interface CommandDescription<Own> {
  readonly name: string;
  readonly description: string;
  /** Default of `--timeout`, such as `3m`. */
  readonly timeout: string;
  readonly exitCodes: string;
  /** Options of its own. */
  readonly options?: readonly Option[];
  /** Throws an error that says which options do not go together. */
  readonly refuse?: (options: CommonOptions & Own) => void;
  /** Does the work. */
  readonly run: (mesh: Mesh, options: CommonOptions & Own) => Promise<keyof typeof exitCodes>;
  /** What to know when Ctrl-C ended it. */
  readonly onInterrupt?: string;
}

/** Runs a command with this process's arguments, and sets its exit code. */
export async function runCommand<Own = object>({
  run,
  refuse,
  onInterrupt,
  options: own = [],
  ...about
}: CommandDescription<Own>) {
  const command = new Command(about.name)
    .description(about.description)
    .option("--context <name>", "context of the kubeconfig (default: its current one)")
    .option("--namespace <name>", "namespace of Linkerd's control plane", "linkerd")
    .addOption(
      new Option("--timeout <duration>", "how long to wait in all, such as 90s or 3m")
        .argParser(parseTimeout)
        .default(parseTimeout(about.timeout), about.timeout),
    )
    .option("--json", "print the result as JSON", false)
    .exitOverride(exitForUsage)
    .addHelpText("after", `\nExit code: ${about.exitCodes}`);
  for (const option of own) command.addOption(option);
  const options = command.parse().opts<CommonOptions & Own>();
  try {
    refuse?.(options);
  } catch (error) {
    command.error(`error: ${(error as Error).message}`);
  }

  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  process.once("SIGTERM", () => interrupt.abort());
  do {
    const deadline = AbortSignal.timeout(options.timeout);
    const signal = AbortSignal.any([interrupt.signal, deadline]);
    try {
      const mesh = { ...connect({ ...options, signal }), namespace: options.namespace };
      process.exitCode = exitCodes[await run(mesh, options)];
    } catch (error) {
      if (interrupt.signal.aborted) break;
      const outOfTime = deadline.aborted
        ? `Out of time after ${formatSpan(options.timeout)} (--timeout): `
        : "";
      process.stderr.write(`${outOfTime}${(error as Error).message}\n`);
      process.exitCode = exitCodes.error;
    }
    if (options.watch !== undefined) {
      await setTimeout(options.watch, undefined, { signal: interrupt.signal }).catch(() => {});
    }
  } while (options.watch !== undefined && !interrupt.signal.aborted);
  if (interrupt.signal.aborted) {
    process.stderr.write(`Interrupted.${onInterrupt === undefined ? "" : ` ${onInterrupt}`}\n`);
    process.exitCode = exitInterrupted;
  }
}

/** Reads a duration such as `90s`, `3m` or `1m30s` as milliseconds. */
export function parseTimeout(text: string): number {
  let milliseconds: number;
  try {
    milliseconds = durationMilliseconds(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as RangeError).message} ${durationSyntax}`);
  }
  if (milliseconds < 1 || milliseconds > longestTimeoutMilliseconds) {
    throw new InvalidArgumentError("A timeout is longer than 0 and at most 24h, such as 90s or 3m.");
  }
  return milliseconds;
}
