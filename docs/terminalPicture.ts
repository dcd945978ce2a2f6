/** `docs/terminal.svg`: what `docs/terminal.txt`, lines of a real run, looked like in a terminal; `…` is what was left out. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const fontSize = 13;
const lineHeight = 18;
/** Of a character in a monospaced font. */
const width = fontSize * 0.602;
const margin = 16;

const colours: readonly (readonly [RegExp, string])[] = [
  [/^\$ /, "#ffffff"],
  [/^…$/, "#7d8590"],
  [/^(All right|\d+ passed, 0 failed)|✔|^ \+ /, "#3fb950"],
  [/^[A-Z]+ .*[A-Z]$/, "#79c0ff"],
];

/** The picture as it should be. */
export function terminalPicture(): string {
  const lines = readFileSync(join(import.meta.dirname, "terminal.txt"), "utf8")
    .trimEnd()
    .split("\n");
  const columns = Math.max(...lines.map(({ length }) => length));
  const [right, bottom] = [columns * width + 2 * margin, lines.length * lineHeight + 2 * margin].map(
    Math.ceil,
  );
  const texts = lines.map((line, index) => {
    const colour = colours.find(([pattern]) => pattern.test(line))?.[1] ?? "#c9d1d9";
    return `<text x="${margin}" y="${margin + (index + 0.75) * lineHeight}" fill="${colour}">${escaped(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${right} ${bottom}" role="img">
<title>npm start and npm test in a terminal</title>
<style>text { white-space: pre }</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="${fontSize}">
${texts.join("\n")}
</g>
</svg>
`;
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
