/** Options whose values are lifetimes. */
import { InvalidArgumentError, Option } from "commander";
import { durationSyntax, parseDuration } from "../rules/lifetimes/duration.ts";

export function parseLifetime(text: string): string {
  try {
    parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as RangeError).message} ${durationSyntax}`);
  }
  return text;
}

/** For the commands that do not read a stack, which sets its own: trustAnchorWarnBefore. */
export const warnBeforeOption = () =>
  new Option(
    "--warn-before <duration>",
    "how long before its end to warn of a trust anchor, 0 for never (default: 4380h, half a year)",
  ).argParser(parseLifetime);
