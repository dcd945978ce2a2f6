/** The picture in `docs/review.md`: the comment on a real preview, as a quotation. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { withPart } from "./markedPart.ts";

const comment = resolve(import.meta.dirname, "../test/operations/review/goldens/anchor-joins.md");
/** The page as it should be, given what it is. */
export function withComment(page: string): string {
  // Without its marker, which belongs to a pull request.
  const [shown] = readFileSync(comment, "utf8").split("\n\n<!-- ");
  const quoted = shown!.replaceAll(/^/gm, "> ").replaceAll(/ +$/gm, "");
  return withPart(page, "the comment", `${quoted}\n`);
}
