import assert from "node:assert/strict";
import { test } from "node:test";
import { oraclePage, readMeasured, readOraclePage } from "../../docs/oraclePage.ts";
import { rules } from "../../rules/rules.ts";

test("docs/oracle.md is what was measured and what the code says; npm run -s tables writes it", () => {
  assert.equal(readOraclePage(), oraclePage());
});

test("the measured run has no difference without a reason, and its rules are still there", () => {
  const { verdicts, stricterRules } = readMeasured();
  assert.deepEqual([verdicts.laxer, verdicts.unexplained], [0, 0]);
  assert.deepEqual(
    Object.keys(stricterRules).filter((rule) => !Object.hasOwn(rules, rule)),
    [],
  );
});
