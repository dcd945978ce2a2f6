/** How every command ends that has been called wrongly: as with any other error, by 2, and not by commander's 1. */
import type { CommanderError } from "commander";

export function exitForUsage({ exitCode }: CommanderError): never {
  process.exit(exitCode === 0 ? 0 : 2);
}
