/**
 * The comments on real previews, of a mesh in the sandbox: of each, the output of `pulumi preview --json` and of `check
 * --json`, as far as `review` reads them, and the comment.
 *
 *     node test/operations/review/goldens.ts     writes the comments; `git diff` shows what is another
 *     npm run test:review                        makes all of it anew
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markdownOf } from "../../../operations/review/markdown.ts";
import { readPreview } from "../../../operations/review/preview.ts";
import { readCheck } from "../../../operations/review/review.ts";
import { reviewOf } from "../../../operations/review/statements.ts";

export const goldens = [
  "install",
  "install-unreachable",
  "nothing",
  "lifetime-unreachable",
  "lifetime",
  "values",
  "upgrade",
  "cert-manager",
  "webhooks-on",
  "webhooks-off",
  "other-issuer",
  "other-writer",
  "anchor-joins",
  "anchor-signs",
  "anchor-leaves",
  "anchor-unprotected",
  "refused-setting",
  "refused-trust-domain",
  "refused-signer",
  "refused-anchor",
  "failed",
] as const;

export type Golden = (typeof goldens)[number];

export type Suffix = "preview.json" | "check.json" | "md";

const pathOf = (golden: Golden, suffix: Suffix) =>
  join(import.meta.dirname, "goldens", `${golden}.${suffix}`);

export const readGolden = (golden: Golden, suffix: Suffix) => readFileSync(pathOf(golden, suffix), "utf8");

export const writeGolden = (golden: Golden, suffix: Suffix, text: string) =>
  writeFileSync(pathOf(golden, suffix), text);

export const reviewOfGolden = (golden: Golden) =>
  reviewOf({
    stack: "dev",
    preview: readPreview(readGolden(golden, "preview.json")),
    check: readCheck(readGolden(golden, "check.json")),
  });

/** The comment as it should be. */
export const commentOn = (golden: Golden) => markdownOf(reviewOfGolden(golden));

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

if (import.meta.main) for (const golden of goldens) writeGolden(golden, "md", commentOn(golden));
