/** What a stack's file says, and why. */

/** Settings that belong together, by their keys. */
export interface Choice {
  /** Why they are so, in one or two sentences. */
  readonly why: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

const widest = 120;

/** Lines of a comment, broken between words. */
export function commentLines(text: string, indent = ""): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length + indent.length < widest) lines[lines.length - 1] = longer;
    else lines.push(` ${word}`);
  }
  return lines.map((line) => `${indent}#${line}`);
}
