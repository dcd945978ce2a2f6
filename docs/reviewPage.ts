/** The picture in `docs/review.md`: the comment on a real preview, as a quotation. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const comment = resolve(import.meta.dirname, "../test/operations/review/goldens/anchor-joins.md");
const begin = "<!-- comment: written by `npm run -s tables` -->";
const end = "<!-- end of the comment -->";

/** The page as it should be, given what it is. */
export function withComment(page: string): string {
  const [before, rest] = [page.indexOf(begin), page.indexOf(end)];
  if (before < 0 || rest < before) throw new Error(`docs/review.md lacks the lines ${begin} and ${end}.`);
  // Without its marker, which belongs to a pull request.
  const [shown] = readFileSync(comment, "utf8").split("\n\n<!-- ");
  const quoted = shown!.replaceAll(/^/gm, "> ").replaceAll(/ +$/gm, "");
  return `${page.slice(0, before + begin.length)}\n${quoted}\n\n${page.slice(rest)}`;
}
