/** `npm run -s review`: what a reviewer must know of a preview, as Markdown for a comment on a pull request. */
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { Command, InvalidArgumentError } from "commander";
import { isPlainObject } from "../../rules/known.ts";
import { exitCodes, exitForUsage } from "../exitCodes.ts";
import { withoutKeys } from "../outside.ts";
import { type Preview, readPreview } from "../preview.ts";
import { jsonOf, markdownOf } from "./markdown.ts";
import { type CheckResult, reviewOf } from "./statements.ts";

interface Options {
  readonly stack?: string;
  readonly check?: string;
  readonly json: boolean;
}

/** As Pulumi takes one: `dev`, or with its organisation and project. */
const stackName = /^[\w.-]+(?:\/[\w.-]+){0,2}$/;

function parseStack(name: string): string {
  if (stackName.test(name)) return name;
  throw new InvalidArgumentError("A stack's name is letters, digits, hyphens, underscores and periods.");
}

/** What `read` makes of a text, or why it makes nothing. */
async function attempt<Result>(source: () => Promise<string> | string, read: (text: string) => Result) {
  try {
    return read(await source());
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws Error if it is not what `check --json` prints. */
export function readCheck(json: string): CheckResult {
  const { findings } = JSON.parse(withoutKeys(json)) as { findings?: unknown };
  const isRight = Array.isArray(findings) && findings.every(isFinding);
  if (!isRight) throw new Error("This is not the output of check --json.");
  return { findings };
}

const isFinding = (value: unknown) =>
  isPlainObject(value) &&
  ["rule", "severity", "field", "message", "fix", "source"].every((name) => typeof value[name] === "string");

/** Runs the command with this process's arguments, and sets its exit code. */
export async function main(): Promise<void> {
  const command: Command = new Command("review")
    .description(
      "Says what a reviewer must know of a preview, as Markdown for a comment on a pull request: what is to be decided, " +
        "which pods restart, whose trust changes, which step of a rotation it is; and Pulumi's diff below. Of a preview that " +
        "was refused, or failed, it says why.",
    )
    .argument("[preview]", "file with the output of pulumi preview --json (default: standard input)")
    .option(
      "--stack <name>",
      "the stack that was previewed, for a preview that did not come to it (default: what the preview says)",
      parseStack,
    )
    .option("--check <file>", "file with the output of check --json for this stack")
    .option("--json", "print the same statements as JSON", false)
    .addHelpText(
      "after",
      "\nThe comment is printed in every case. Its last line, the marker, is the same for each preview of a stack." +
        "\nExit code: 0 if the preview is right; 1 if there is something to know; 2 if it was refused or failed, or check has found errors.",
    )
    .exitOverride(exitForUsage)
    .parse();
  const { check: checkFile, json, ...options } = command.opts<Options>();
  const [file] = command.args;
  const source = file === undefined ? () => text(process.stdin) : () => readFileSync(file, "utf8");
  const preview: Preview | string = await attempt(source, readPreview);
  const check =
    checkFile === undefined ? undefined : await attempt(() => readFileSync(checkFile, "utf8"), readCheck);
  const stack = options.stack ?? (typeof preview === "string" ? undefined : preview.stack);
  if (stack === undefined || !stackName.test(stack)) {
    command.error("error: the preview does not say which stack it is of: give its name, --stack <name>.");
  }
  const review = reviewOf({ stack, preview, check });
  process.stdout.write(json ? `${jsonOf(review)}\n` : markdownOf(review));
  process.exitCode = exitCodes[review.verdict];
}

if (import.meta.main) await main();
