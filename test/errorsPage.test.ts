import assert from "node:assert/strict";
import { test } from "node:test";
import { rules } from "../components/pki/rules.ts";
import { errorsPage, everyMessage, readErrorsPage } from "./errorsPage.ts";

test("docs/errors.md is what the code says; npm run -s tables writes it", () => {
  assert.equal(readErrorsPage(), errorsPage());
});

test("every rule has a message, and every message of a rule says what to do", () => {
  const messages = everyMessage();
  for (const rule of Object.keys(rules)) {
    const ofRule = messages.filter((message) => message.rule === rule);
    assert.ok(ofRule.length > 0, `${rule} has no message`);
    assert.ok(
      ofRule.some(({ fix }) => fix !== undefined && fix !== "…"),
      `${rule} has no fix`,
    );
  }
});
