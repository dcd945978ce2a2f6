/** Commands that can be interrupted at any line, and go on when they are typed again. */
import type { Command } from "commander";
import { exitCodes, exitForUsage, exitInterrupted } from "./exitCodes.ts";

/**
 * Runs a command with this process's arguments, and sets its exit code.
 *
 * @param programOf makes the command, whose work ends when the signal does: by Ctrl-C, or SIGTERM.
 * @param again what to type then, as the end of the sentence that says that the same command goes on.
 */
export async function runResumable(
  programOf: (interrupted: AbortSignal) => Command,
  again = "",
): Promise<void> {
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  process.once("SIGTERM", () => interrupt.abort());
  try {
    await programOf(interrupt.signal).exitOverride(exitForUsage).parseAsync();
  } catch (error) {
    process.stderr.write(
      interrupt.signal.aborted
        ? `Interrupted. The same command goes on from here${again}.\n`
        : `${(error as Error).message}\n`,
    );
    process.exitCode = interrupt.signal.aborted ? exitInterrupted : exitCodes.error;
  }
}
