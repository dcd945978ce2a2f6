/** Damage to a text in PEM, at random. */
import * as fc from "fast-check";

export type Draw = <Value>(arbitrary: fc.Arbitrary<Value>) => Value;

/** What may stand where it should not, in whole lines. */
const strayLines = [
  ...[
    "\n\n",
    "x: y\n",
    "# x\n",
    "Proc-Type: 4,ENCRYPTED\n\n",
    "subject=CN = x\n",
    ":\n",
    "----\n",
    "-----\n",
  ],
  ...[
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
    "-----BEGIN \n",
    "-----BEGIN ----------\n",
  ],
  "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n",
  "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
  "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
  "-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----\n",
  "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
  "-----BEGIN -----\n-----END -----\n",
];
const strayTexts = [
  ...[
    "",
    "\n",
    " ",
    "\r",
    "\t",
    "-",
    "A",
    "=",
    "==",
    ":",
    "#",
    "\0",
    "\u00a0",
    "\v",
    "\f",
    "é",
    "\uFEFF",
    "_",
  ],
  ...["\u0085", "\u2028", "AAAA", "A===", "-----", "-----BEGIN ", "\n-----BEGIN ", "\n-----END "],
];

export interface TextEdit {
  readonly words: string;
  readonly change: (text: string) => string;
}

export function randomEdit(draw: Draw): TextEdit {
  const place = draw(fc.nat(3_000));
  const length = draw(fc.constantFrom(0, 0, 1, 2, 70));
  const put = draw(
    fc.oneof(fc.constantFrom(...strayTexts), fc.constantFrom(...strayLines), fc.string({ maxLength: 3 })),
  );
  const atLineEnd = draw(fc.boolean());
  const replaced = (whole: string) => {
    const anywhere = place % (whole.length + 1);
    const at = atLineEnd ? whole.indexOf("\n", anywhere) + 1 : anywhere;
    return whole.slice(0, at) + put + whole.slice(at + length);
  };
  const blocksOf = (whole: string) => whole.split(/(?<=-----END .*\n)/);
  const perhaps = (text: string, index: number) => ((place >> (index % 12)) & 1 ? text : "");
  const ways: Readonly<Record<string, (whole: string) => string>> = {
    replaced,
    begun: (whole) => put + whole,
    ended: (whole) => whole + put,
    "put between": (whole) => blocksOf(whole).join(put),
    "put after BEGIN": (whole) => whole.replaceAll(/(-----BEGIN .*\n)/g, `$1${put.replaceAll("$", "$$$$")}`),
    "put before END": (whole) => whole.replaceAll(/(-----END )/g, `${put.replaceAll("$", "$$$$")}$1`),
    trimmed: (whole) => whole.trimEnd(),
    "cut off": (whole) => whole.slice(0, -1 - (place % Math.max(1, whole.length))),
    "on one line": (whole) => whole.replaceAll(/([A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])/g, "$1"),
    indented: (whole) => whole.replaceAll("\n", "\n "),
    "with spaces at its line ends": (whole) => whole.replaceAll("\n", " \n"),
    "with Windows' line ends": (whole) => whole.replaceAll("\n", "\r\n"),
    "with Windows' line ends here and there": (whole) =>
      whole.split("\n").reduce((before, line, index) => `${before}${perhaps("\r", index)}\n${line}`),
    "with old Macs' line ends": (whole) => whole.replaceAll("\n", "\r"),
    "in lower case": (whole) =>
      whole.replaceAll(/(?<=-----)(BEGIN|END) .*(?=-----)/g, (line) => line.toLowerCase()),
    "without padding": (whole) => whole.replaceAll("=", ""),
    "in base64 for URLs": (whole) => whole.replaceAll("+", "-").replaceAll("/", "_"),
    "of another type": (whole) => whole.replaceAll("CERTIFICATE-----", "X509 CERTIFICATE-----"),
    "with blocks turned around": (whole) => blocksOf(whole).reverse().join(""),
    twice: (whole) => whole + whole,
    "inside itself": (whole) => replaced(whole).replace(put, whole),
  };
  const way = draw(fc.constantFrom(...Object.keys(ways), "replaced", "replaced", "replaced"));
  const details = { place, length, put, atLineEnd };
  const words = /replaced|begun|ended|put|cut|itself|there/.test(way)
    ? `${way} ${JSON.stringify(details)}`
    : way;
  return { words, change: ways[way]! };
}
