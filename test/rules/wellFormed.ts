/** What every finding is, whatever it is about. */
import assert from "node:assert/strict";
import type { Finding, Rule } from "../../rules/finding.ts";
import { rules } from "../../rules/rules.ts";

/** Longer than any text of a finding: what comes from outside is cut. */
const longestCharacters = 2_000;

/** Fails where a part is missing, or where it is not fit for a terminal and for one line of a log. */
export function assertWellFormed(finding: Finding): void {
  assert.deepEqual(Object.keys(finding), ["rule", "severity", "field", "message", "fix", "source"]);
  assert.ok(Object.hasOwn(rules, finding.rule), finding.rule);
  const rule: Rule = rules[finding.rule as keyof typeof rules];
  assert.equal(finding.severity, rule.severity ?? "error");
  for (const part of ["field", "message", "fix", "source"] as const) {
    assert.ok(finding[part] !== "", `${finding.rule}: its ${part} is empty`);
    assert.doesNotMatch(
      finding[part],
      /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u,
      `${finding.rule}: its ${part}`,
    );
    assert.doesNotMatch(
      finding[part],
      /__pulumi|Output<|\[object/,
      `${finding.rule}: its ${part} shows a value that is not known`,
    );
    assert.doesNotMatch(
      finding[part],
      /\bat .*\.[tj]s:\d+/,
      `${finding.rule}: its ${part} has a stack trace`,
    );
    assert.ok(
      finding[part].length < longestCharacters,
      `${finding.rule}: its ${part} has ${finding[part].length} characters`,
    );
  }
}
