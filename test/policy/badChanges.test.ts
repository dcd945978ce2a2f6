/** Every bad change that docs/guardrails.md lists is refused, by the rule and in the words that stand there. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { badChanges } from "../../docs/badChanges.ts";
import { type Refusal, says } from "../../docs/rotationRefusals.ts";
import type { GuardrailName } from "../../policy/guardrails.ts";
import { type Staging, stagings } from "./badChanges.ts";
import { refusals, stackOf } from "./stack.ts";

for (const [rule, changes] of Object.entries(badChanges)) {
  suite(`The policy pack refuses by ${rule}`, () => {
    for (const [name, change] of Object.entries<Refusal>(changes)) {
      test(change.does, async () => {
        const staging = (stagings as Record<string, Record<string, Staging>>)[rule]![name]!;
        const found = refusals(await stackOf({}, staging), rule as GuardrailName);
        const isSaid = found.some(({ message }) => says(message, change));
        assert.ok(
          isSaid,
          `${change.words}\n${JSON.stringify(
            found.map(({ message }) => message),
            undefined,
            1,
          )}`,
        );
        for (const { fix } of found) assert.match(fix, /^[A-Z].*[^.]\.?$/s);
      });
    }
  });
}
