/** Exit codes of every command. */
import type { CommanderError } from "commander";

/** By its verdict; what could not be read is an error. */
export const exitCodes = { ok: 0, warning: 1, error: 2 } as const;

/** Ended by Ctrl-C, as shells count it. */
export const exitInterrupted = 130;

/** How a command ends that has been called wrongly: as with any other error, and not by commander's 1. */
export function exitForUsage({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? exitCodes.ok : exitCodes.error);
}
