import assert from "node:assert/strict";
import { test } from "node:test";
import { errorsPage, everyMessage, readErrorsPage } from "../../docs/errorsPage.ts";
import { rules } from "../../rules/rules.ts";

test("docs/errors.md is what the code says; npm run -s tables writes it", () => {
  assert.equal(readErrorsPage(), errorsPage());
});

test("every rule has a message, and every message of a rule says what to do", () => {
  const messages = everyMessage();
  for (const rule of Object.keys(rules)) {
    const ofRule = messages.filter((message) => message.rule === rule);
    assert.ok(ofRule.length > 0, `${rule} has no message`);
    for (const { message, fix } of ofRule) assert.ok(fix, `${rule} has no fix: ${message}`);
  }
});

test("a text that the code does not say stands for itself, and conditions do not contradict each other", () => {
  const ofRule = (name: string) => everyMessage().filter(({ rule }) => rule === name);
  // Each is a parameter, whose name is a constant's elsewhere.
  assert.ok(ofRule("pem-end").every(({ fix }) => fix!.startsWith("Write … anew")));
  assert.ok(ofRule("chain").every(({ message }) => message.startsWith("Certificate …, …, leads")));
  const der = ofRule("pem-certificate").filter(({ message }) => /DER/.test(message));
  assert.deepEqual(
    der.map(({ fix }) => fix),
    ["Convert it: openssl x509 -inform der -in FILE -out FILE.pem"],
  );
});
