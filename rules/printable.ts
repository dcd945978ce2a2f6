/** Makes texts from outside fit for a terminal and for one line of a log. */

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Escapes what a terminal would obey and what ends a line, and leaves out the middle of a text that is too long. */
export function printable(text: string, longestCharacters: number): string {
  const half = longestCharacters / 2;
  const short = text.length > longestCharacters ? `${text.slice(0, half)} … ${text.slice(-half)}` : text;
  return short.replace(
    unprintable,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
}
