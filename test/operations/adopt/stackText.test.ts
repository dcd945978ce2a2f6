import assert from "node:assert/strict";
import { test } from "node:test";
import { addChoices, readSettings, splitSecrets } from "../../../operations/adopt/stackText.ts";

const choices = [
  { why: "Why it is so.", settings: { createLinkerdNamespace: false, issuerDuration: "48h" } },
  { why: "And this.", settings: { providedTrustAnchors: { "1": { certificatePem: "pem\n" } } } },
];

test("a stack without a file gets one, with the reason before each choice", () => {
  const { text, conflicts } = addChoices("", "mesh", choices);
  assert.deepEqual(conflicts, []);
  assert.equal(
    text,
    `config:
  # Why it is so.
  mesh:createLinkerdNamespace: "false"
  mesh:issuerDuration: 48h
  # And this.
  mesh:providedTrustAnchors:
    "1":
      certificatePem: |
        pem
`,
  );
});

test("what a file has stays as it is, and what it says already is not said again", () => {
  const file = `# Ours.
config:
  # A note.
  mesh:issuerDuration: 48h # two days
  providedTrustAnchors:
    1:
      certificatePem: pem
      privateKeyPem:
        secure: v1:abc
encryptionsalt: v1:salt
`;
  const { text, conflicts } = addChoices(file, "mesh", choices);
  assert.deepEqual(conflicts, []);
  assert.ok(text.startsWith(file.split("encryptionsalt")[0]!), text);
  assert.match(text, /\n {2}# Why it is so\.\n {2}mesh:createLinkerdNamespace: "false"\n/);
  assert.doesNotMatch(text, /And this/);
  assert.equal(addChoices(text, "mesh", choices).text, text);
});

test("an object gets what it does not say yet, and keeps the rest", () => {
  const file = `config:
  # Ours.
  mesh:providedTrustAnchors:
    1:
      certificatePem: pem
      privateKeyPem:
        secure: v1:abc
`;
  const two = {
    "1": { certificatePem: "pem\n" },
    "2": { certificatePem: "second", crossCertificatePem: "cross" },
  };
  const { text, conflicts } = addChoices(file, "mesh", [
    { why: "Two.", settings: { providedTrustAnchors: two } },
  ]);
  assert.deepEqual(conflicts, []);
  assert.equal(
    text,
    `${file}    "2":
      certificatePem: second
      crossCertificatePem: cross
`,
  );
  const other = { ...two, "1": { certificatePem: "other" } };
  assert.equal(
    addChoices(file, "mesh", [{ why: "Two.", settings: { providedTrustAnchors: other } }]).conflicts.length,
    1,
  );
});

test("what a file says otherwise is told with both values", () => {
  const { conflicts } = addChoices("config:\n  mesh:issuerDuration: 24h\n", "mesh", choices);
  assert.deepEqual(conflicts, [{ key: "issuerDuration", has: "24h", wanted: "48h" }]);
});

test("so is an object in which one part is another one, and one that is no object", () => {
  const other = "config:\n  mesh:providedTrustAnchors:\n    1:\n      certificatePem: other\n";
  for (const file of [other, "config:\n  mesh:providedTrustAnchors: none\n"]) {
    const { conflicts } = addChoices(file, "mesh", choices);
    assert.deepEqual(
      conflicts.map(({ key }) => key),
      ["providedTrustAnchors"],
    );
  }
});

test("settings are read by their short keys, and those of providers are not among them", () => {
  assert.deepEqual(readSettings("config:\n  mesh:a: 1\n  b: two\n  kubernetes:context: c\n", "mesh"), {
    a: 1,
    b: "two",
  });
  assert.deepEqual(readSettings("", "mesh"), {});
});

test("what is encrypted is taken apart, wherever it stands", () => {
  const file = `config:
  mesh:password:
    secure: v1:abc
  mesh:providedTrustAnchors:
    "1":
      certificatePem: pem
      privateKeyPem:
        secure: v1:def
`;
  const values: Record<string, string> = {
    "mesh:password": "open",
    "mesh:providedTrustAnchors": JSON.stringify({ 1: { certificatePem: "pem", privateKeyPem: "key" } }),
  };
  const { text, secrets } = splitSecrets(file, "mesh", (key) => values[key]);
  assert.deepEqual(secrets, [
    { path: ["mesh:password"], value: "open" },
    { path: ["mesh:providedTrustAnchors", "1", "privateKeyPem"], value: "key" },
  ]);
  assert.equal(text, 'config:\n  mesh:providedTrustAnchors:\n    "1":\n      certificatePem: pem\n');
});
