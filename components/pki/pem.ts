/**
 * PEM as Go's `encoding/pem` decodes it, byte for byte: Linkerd reads its credentials with it, so what that skips or stumbles
 * over, Linkerd does.
 */

export interface PemBlock {
  /** What stands after `BEGIN`, such as `CERTIFICATE`. */
  readonly type: string;
  /** Names of its headers, such as `Proc-Type`. */
  readonly headers: readonly string[];
  readonly content: Buffer;
  /** Line of its `BEGIN`, from 1. */
  readonly line: number;
  /** What the decoder skipped to get here, from the end of the block before. */
  readonly skipped: string;
}

export interface Pem {
  readonly blocks: readonly PemBlock[];
  /** What is left where no further block can be found. */
  readonly rest: string;
}

const begin = "-----BEGIN ";
const end = "\n-----END ";
const dashes = "-----";

/** Decodes every block of a text. A block that is damaged counts as skipped text, as it does in Go. */
export function decodePem(text: string): Pem {
  const blocks: PemBlock[] = [];
  const nextEnd = forwardSearch(text, end);
  let blockEnd = 0;
  let position = 0;
  let line = 1;
  let countedTo = 0;
  while (true) {
    const start = nextBegin(text, position);
    if (start === undefined) break;
    const typeLine = readLine(text, start + begin.length);
    position = typeLine.next;
    if (!typeLine.line.endsWith(dashes)) continue;
    const type = typeLine.line.slice(0, -dashes.length);

    const headers: string[] = [];
    for (
      let header = readLine(text, position);
      header.line.includes(":");
      header = readLine(text, position)
    ) {
      headers.push(header.line.slice(0, header.line.indexOf(":")));
      position = header.next;
    }
    if (position >= text.length) break;

    // A block without content has its END right after its BEGIN.
    const empty = headers.length === 0 && text.startsWith(end.slice(1), position);
    const contentEnd = empty ? position : nextEnd(position);
    if (contentEnd < 0) break;
    const trailer = readLine(text, contentEnd + end.length - (empty ? 1 : 0));
    if (trailer.line !== type + dashes) continue;
    const content = decodeBase64(text.slice(position, contentEnd));
    if (content === undefined) continue;

    for (; countedTo < start; countedTo++) if (text[countedTo] === "\n") line++;
    blocks.push({ type, headers, content, line, skipped: text.slice(blockEnd, start) });
    position = trailer.next;
    blockEnd = position;
  }
  return { blocks, rest: text.slice(blockEnd) };
}

/** Where a line begins a block, from that line on. */
function nextBegin(text: string, from: number): number | undefined {
  if (text.startsWith(begin, from)) return from;
  const newline = text.indexOf(`\n${begin}`, from);
  return newline < 0 ? undefined : newline + 1;
}

/** The line from there on, without the white space at its end, and where the next one begins. */
function readLine(text: string, from: number): { line: string; next: number } {
  const newline = text.indexOf("\n", from);
  const to = newline < 0 ? text.length : newline;
  let line = text.slice(from, to);
  if (newline >= 0 && line.endsWith("\r")) line = line.slice(0, -1);
  return { line: line.replace(/[ \t]+$/, ""), next: newline < 0 ? text.length : newline + 1 };
}

/** `indexOf` for positions that only grow: a text full of beginnings is still searched once. */
function forwardSearch(text: string, what: string): (from: number) => number {
  let found = -2;
  return (from) => {
    if (found === -2 || (found !== -1 && found < from)) found = text.indexOf(what, from);
    return found;
  };
}

/** `undefined` where Go would refuse the text; Node would ignore what does not belong there. */
function decodeBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/=\s]*$/.test(text)) return undefined;
  const digits = text.replace(/[ \t\r\n]/g, "");
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) return undefined;
  return Buffer.from(digits, "base64");
}
