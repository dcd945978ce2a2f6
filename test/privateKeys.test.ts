/** The search for private keys finds one in every encoding, and nothing where there is none. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { findKeys } from "./privateKeys.ts";

const pemOf = () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ format: "pem", type: "sec1" }).toString();
};
const pem = pemOf();
const key = createPrivateKey(pem);
const pkcs8 = key.export({ format: "pem", type: "pkcs8" }).toString();
const scalar = Buffer.from(key.export({ format: "jwk" }).d!, "base64url");
const wrapped = (text: string) => text.replaceAll(/.{76}/g, "$&\n");

const plants: Record<string, string> = {
  "PEM, SEC 1": pem,
  "PEM, PKCS #8": pkcs8,
  "PEM in a log whose lines have a beginning of their own": pkcs8.replaceAll(/^/gm, "I1124 log.go:7] "),
  "one line of PEM": pem.split("\n")[1]!,
  "PEM in JSON": JSON.stringify({ key: pem }),
  "PEM in JSON in JSON": JSON.stringify(JSON.stringify({ key: pkcs8 })),
  "a Secret's data": Buffer.from(pem).toString("base64"),
  "a Secret's data in wrapped lines": wrapped(Buffer.from(pkcs8).toString("base64")),
  "base64 of JSON with PEM": Buffer.from(JSON.stringify({ key: pem })).toString("base64"),
  "base64 of DER": key.export({ format: "der", type: "pkcs8" }).toString("base64"),
  "base64 of the scalar": scalar.toString("base64"),
  "a JWK": JSON.stringify(key.export({ format: "jwk" })),
  "hexadecimal digits": scalar.toString("hex"),
  "capital hexadecimal digits": scalar.toString("hex").toUpperCase(),
};

for (const [encoding, planted] of Object.entries(plants)) {
  test(`a key is found as ${encoding}`, () => {
    const found = findKeys(`before ${planted} after`, [
      { name: "another", pem: pemOf() },
      { name: "planted", pem },
    ]);
    assert.notDeepEqual(found, []);
    for (const place of found) assert.match(place, /^planted in /);
  });
}

test("what is public of a key is not the key", () => {
  const spki = createPublicKey(pem).export({ format: "der", type: "spki" });
  const { x, y } = createPublicKey(pem).export({ format: "jwk" });
  const point = [x!, y!].map((coordinate) => Buffer.from(coordinate, "base64url").toString("hex"));
  const texts = [0, 1, 2].map((offset) => Buffer.concat([Buffer.alloc(offset), spki]).toString("base64"));
  assert.deepEqual(findKeys([...texts, x, y, ...point].join("\n"), [{ name: "key", pem }]), []);
});
