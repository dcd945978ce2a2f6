/** Finds private keys in texts, however they are written there. */
import { createPrivateKey } from "node:crypto";

export interface PrivateKey {
  readonly name: string;
  /** An elliptic curve's key, in PEM. */
  readonly pem: string;
}

/** The places in which `text` gives one of the keys away, as `<name> in <encoding>`. */
export function findKeys(text: string, keys: readonly PrivateKey[]): string[] {
  // Lines are broken at other places in JSON, in YAML and in logs.
  const unbroken = text.replaceAll(/(?:\\+[nr]|\s)+/g, "");
  const found = keys.flatMap(({ name, pem }) =>
    tracesOf(pem)
      .filter(([, trace]) => unbroken.includes(trace))
      .map(([encoding]) => `${name} in ${encoding}`),
  );
  return [...new Set(found)];
}

/** Texts that appear wherever the key does, by the encoding. */
function tracesOf(pem: string): [encoding: string, trace: string][] {
  const key = createPrivateKey(pem);
  // The secret part; the rest of every format is constant or public.
  const scalar = Buffer.from(key.export({ format: "jwk" }).d!, "base64url");
  const lines = [
    ...bodyOf(key.export({ format: "pem", type: "sec1" })).slice(0, 1),
    ...bodyOf(key.export({ format: "pem", type: "pkcs8" })).slice(0, 2),
  ];
  const base64 = base64Within(scalar);
  return [
    ...lines.map((line): [string, string] => ["PEM", line]),
    ...lines
      .flatMap((line) => base64Within(Buffer.from(line)))
      .map((t): [string, string] => ["base64 of PEM", t]),
    ...base64.map((trace): [string, string] => ["base64", trace]),
    ...base64.map((t): [string, string] => ["base64url", t.replaceAll("+", "-").replaceAll("/", "_")]),
    ["hexadecimal", scalar.toString("hex")],
    ["hexadecimal", scalar.toString("hex").toUpperCase()],
  ];
}

/** The lines of a PEM block between its first and its last; for P-256 the scalar ends in the first (SEC 1) or second. */
function bodyOf(pem: string | Buffer): string[] {
  return String(pem).trim().split("\n").slice(1, -1);
}

/** How bytes look within any longer text in base64: three ways, by where their first one falls in a group of three. */
function base64Within(bytes: Buffer): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    // Characters at the ends hold bits of the neighbours.
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
}
