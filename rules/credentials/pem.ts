/**
 * PEM as Go's `encoding/pem` decodes it, byte for byte: Linkerd reads its credentials with it, so Linkerd skips and rejects
 * what it does.
 */

export interface PemBlock {
  /** What follows `BEGIN`, such as `CERTIFICATE`. */
  readonly type: string;
  /** Names of its headers, such as `Proc-Type`. */
  readonly headers: readonly string[];
  readonly content: Buffer;
  /** The block as it is written, with the end of its last line. */
  readonly text: string;
  /** Line of its `BEGIN`, from 1. */
  readonly line: number;
  /** What the decoder skipped to get here, from the end of the block before. */
  readonly skipped: string;
}

export interface Pem {
  readonly blocks: readonly PemBlock[];
  /** What is left after the last block. */
  readonly rest: string;
}

const begin = "-----BEGIN ";
const end = "\n-----END ";
const dashes = "-----";

/** Whether a text outside the blocks has something of a block that cannot be read. */
export const hasRemains = (text: string) => text.includes("-----BEGIN ") || text.includes("-----END ");

/** Decodes every block of a text. A damaged block counts as skipped text, as it does in Go. */
export function decodePem(text: string): Pem {
  const blocks: PemBlock[] = [];
  const headersUntilEnd = headersAtEnd(text);
  let blockEnd = 0;
  let line = 1;
  let countedTo = 0;
  for (let from = 0; ; ) {
    // As Go from 1.26 on: the first END, and the last BEGIN before it.
    const contentEnd = text.indexOf(end, from);
    if (contentEnd < 0) break;
    const typeEnd = contentEnd + end.length;
    const start = lastBegin(text, from, contentEnd);
    from = typeEnd;
    if (start === undefined) continue;
    const typeLine = readLine(text, start + begin.length);
    if (!typeLine.line.endsWith(dashes)) continue;
    const type = typeLine.line.slice(0, -dashes.length);

    const headers: string[] = [];
    let position = typeLine.next;
    while (position <= contentEnd || headers.length === 0) {
      const header = readLine(text, position);
      if (!header.line.includes(":")) break;
      headers.push(header.line.slice(0, header.line.indexOf(":")).trim());
      position = header.next;
    }
    // Go reads headers even beyond the END, and gives up at the end of the text.
    if (position >= Math.min(headersUntilEnd, text.length)) break;
    if (headers.length > 0 && position > contentEnd) continue;

    const trailer = type + dashes;
    if (!text.startsWith(trailer, typeEnd) || readLine(text, typeEnd + trailer.length).line !== "") continue;
    const content = decodeBase64(text.slice(position, Math.max(position, contentEnd)));
    if (content === undefined) continue;

    for (; countedTo < start; countedTo++) if (text[countedTo] === "\n") line++;
    from = readLine(text, typeEnd).next;
    const skipped = text.slice(blockEnd, start);
    blocks.push({ type, headers, content, text: text.slice(start, from), line, skipped });
    blockEnd = from;
  }
  return { blocks, rest: text.slice(blockEnd) };
}

/** The place of the last BEGIN between two others, if it is at the start of a line. */
function lastBegin(text: string, from: number, to: number): number | undefined {
  const between = text.slice(from, to);
  const place = between.lastIndexOf(begin);
  return place < 0 || (place > 0 && between[place - 1] !== "\n") ? undefined : from + place;
}

/** The place from which on every line looks like a header, up to the end of the text. */
function headersAtEnd(text: string): number {
  let lineStart = text.length;
  while (lineStart > 0) {
    const before = text.lastIndexOf("\n", lineStart - 2) + 1;
    if (!text.slice(before, lineStart).includes(":")) break;
    lineStart = before;
  }
  return lineStart;
}

/** The line that starts there, without the white space at its end, and the start of the next one. */
function readLine(text: string, from: number): { line: string; next: number } {
  const newline = text.indexOf("\n", from);
  const to = newline < 0 ? text.length : newline;
  let line = text.slice(from, to);
  if (newline >= 0 && line.endsWith("\r")) line = line.slice(0, -1);
  return { line: line.replace(/[ \t]+$/, ""), next: newline < 0 ? text.length : newline + 1 };
}

/** `undefined` if Go would refuse the text; Node would ignore characters that are not base64. */
function decodeBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/=\s]*$/.test(text)) return undefined;
  const digits = text.replace(/[ \t\r\n]/g, "");
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) return undefined;
  return Buffer.from(digits, "base64");
}
