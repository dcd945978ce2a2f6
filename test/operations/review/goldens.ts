/**
 * The comments on real previews, of a mesh in the sandbox: of each, the output of `pulumi preview --json` and of `check
 * --json`, as far as `review` reads them, and the comment.
 *
 *     node test/operations/review/goldens.ts     writes the comments; `git diff` shows what is another
 *     npm run test:review                        makes all of it anew
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readPreview } from "../../../operations/preview.ts";
import { markdownOf } from "../../../operations/review/markdown.ts";
import { readCheck } from "../../../operations/review/review.ts";
import { reviewOf } from "../../../operations/review/statements.ts";

type Suffix = "preview.json" | "check.json" | "md";

const folder = join(import.meta.dirname, "goldens");
const pathOf = (golden: string, suffix: Suffix) => join(folder, `${golden}.${suffix}`);

/** Their names. */
export const listGoldens = () =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".preview.json"))
    .map((file) => basename(file, ".preview.json"));

export const readGolden = (golden: string, suffix: Suffix) => readFileSync(pathOf(golden, suffix), "utf8");

export const writeGolden = (golden: string, suffix: Suffix, text: string) =>
  writeFileSync(pathOf(golden, suffix), text);

export const reviewOfGolden = (golden: string) =>
  reviewOf({
    stack: "dev",
    preview: readPreview(readGolden(golden, "preview.json")),
    check: existsSync(pathOf(golden, "check.json")) ? readCheck(readGolden(golden, "check.json")) : undefined,
  });

/** The comment as it should be. */
export const commentOn = (golden: string) => markdownOf(reviewOfGolden(golden));

/** What `review` reads of the output of `pulumi preview --json`; the rest is long, and names places on a machine. */
export function reduced(output: string): string {
  const { steps = [], diagnostics = [] } = JSON.parse(output) as {
    steps?: Record<string, unknown>[];
    diagnostics?: object[];
  };
  const readOf = (state: unknown) => {
    const { inputs, protect } = (state ?? {}) as { inputs?: object; protect?: boolean };
    return state === undefined ? undefined : { inputs, protect };
  };
  const kept = steps.map(({ op, urn, detailedDiff, oldState, newState }) => ({
    op,
    urn,
    detailedDiff,
    oldState: readOf(oldState),
    newState: readOf(newState),
  }));
  return `${JSON.stringify({ steps: kept, diagnostics }, undefined, 1)}\n`;
}

if (import.meta.main) for (const golden of listGoldens()) writeGolden(golden, "md", commentOn(golden));
