import assert from "node:assert/strict";
import { test } from "node:test";
import { readMeasured } from "../../docs/oraclePage.ts";
import { pages, readPage } from "../../docs/pages.ts";
import type { Rule } from "../../rules/finding.ts";
import { rules } from "../../rules/rules.ts";
import { pulumiVersion } from "../../sandbox/toolchain/tools.ts";

for (const [path, made] of Object.entries(pages)) {
  test(`${path} is what the code says; npm run -s tables writes it`, () => {
    assert.equal(readPage(path), made(readPage(path)));
  });
}

test("every rule is on the page of errors once, with a demand and a fix that are sentences", () => {
  const page = readPage("docs/errors.md");
  for (const [name, { demand, fix }] of Object.entries<Rule>(rules)) {
    assert.equal(page.split(`\n| \`${name}\` | `).length, 2, name);
    assert.match(demand, /^[A-Za-z].*\.$/, name);
    assert.match(fix, /^[A-Z]/, name);
  }
});

test("the measured run has no difference without a reason, and its rules are still there", () => {
  const { verdicts, stricterRules } = readMeasured();
  assert.deepEqual([verdicts.laxer, verdicts.unexplained], [0, 0]);
  assert.deepEqual(
    Object.keys(stricterRules).filter((rule) => !Object.hasOwn(rules, rule)),
    [],
  );
});

test("docs/versions.md names the engine that the sandbox builds", () => {
  assert.ok(readPage("docs/versions.md").includes(`| Pulumi's engine | ${pulumiVersion.slice(1)} |`));
});

test("no page speaks of a rotation that the README does not have", () => {
  assert.doesNotMatch(readPage("docs/credentials.md"), /README's rotation/);
});
