/** Colours on a terminal, and only there: none if NO_COLOR is set, or where the output goes into a file or a pipe. */
import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** What of a line has a colour. */
const colours: readonly (readonly [RegExp, Format])[] = [
  [/^All right/, "green"],
  [/^(Problem|Error):/, "red"],
  [/^Warning:/, "yellow"],
  [/^[A-Z]+ .*[A-Z]$/, "bold"],
  [/\b(expired|ended|failing|refused|stale|not Ready|not running)\b/, "red"],
  [/\b(overlapping|unknown|not known)\b/, "yellow"],
];

/** The text with the colours of its lines; the first that fits wins. */
export function coloured(text: string): string {
  const lines = text.split("\n").map((line) => {
    const [pattern, format] = colours.find(([one]) => one.test(line)) ?? [];
    return pattern === undefined ? line : line.replace(pattern, (part) => styleText(format!, part));
  });
  return lines.join("\n");
}
