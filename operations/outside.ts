/** Texts from outside: of the cluster, of the configuration, of Pulumi. */
import { printable } from "../rules/printable.ts";

const longestTextCharacters = 600;

const privateKey = /-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?(?:-----END [^-]*-----|$)/g;
const longestNameCharacters = 1000;
/** Long enough for a key of 256 bits, however it is written. */
const run = /[\w+/=-]{40,}/g;

/**
 * A text in one line that shows no key, obeys no terminal and opens no comment of HTML: the one of a review is found by it.
 *
 * Pulumi has replaced what it knows to be secret. This is for a key that someone has written into a setting in plain text.
 */
export function outside(text: string, longestCharacters = longestTextCharacters): string {
  // Once more, since a character that is escaped is six.
  const short = printable(printable(withoutKeys(text), longestCharacters), longestCharacters);
  return short.replaceAll("<!--", "<\\u0021--");
}

/** A text whose private keys are left out, as is what could be one: a long run of digits and letters without a pattern. */
export function withoutKeys(text: string): string {
  return text
    .replaceAll(privateKey, "[private key]")
    .replaceAll(run, (found) => (looksRandom(found) ? `[${found.length} characters]` : found));
}

/** Hexadecimal, or small letters, capitals and digits that alternate as in base64, and not as in a path or a name. */
function looksRandom(text: string): boolean {
  if (text.length > longestNameCharacters) return true;
  const kinds = Array.from(text.replaceAll(/[\W_]/g, ""), (character) =>
    [/[a-z]/, /[A-Z]/, /\d/].findIndex((kind) => kind.test(character)),
  );
  const changes = kinds.filter((kind, place) => place > 0 && kind !== kinds[place - 1]).length;
  return /^[\da-f]+$/i.test(text) || changes > text.length / 4;
}
