/** A part of a page that a program writes, between two comments; the rest is written by hand. */

/**
 * The page with that part as it should be.
 *
 * @throws Error if the page lacks one of the comments.
 */
export function withPart(page: string, name: string, content: string): string {
  const begin = `<!-- ${name}: written by \`npm run -s tables\` -->`;
  const end = `<!-- end of ${name} -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The page lacks the lines ${begin} and ${end}.`);
  return `${page.slice(0, from + begin.length)}\n${content}\n${page.slice(to)}`;
}
