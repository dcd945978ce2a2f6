import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { suite, test } from "node:test";
import { checkOutput, printCheck } from "../../../operations/status/linkerdCheck.ts";
import { broken, type rules } from "../../../rules/rules.ts";

const program = resolve(import.meta.dirname, "../../../operations/linkerdCredentials.ts");

function extension(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    env: { ...process.env, KUBECONFIG: "/not/there" },
  });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

suite("The extension of Linkerd's CLI", () => {
  test("says that linkerd check is to run it always", () => {
    const { status, stdout } = extension("_extension-metadata");
    assert.equal(status, 0);
    assert.deepEqual(JSON.parse(stdout), { name: "linkerd-credentials", checks: "always" });
  });

  test("takes what linkerd check hands over, and answers in JSON if it cannot look", () => {
    const flags = [
      "--output=json",
      "--context=x",
      "--linkerd-namespace=linkerd",
      "--verbose",
      "--wait=5m0s",
      "--new=1",
    ];
    const { status, stdout } = extension("check", ...flags);
    assert.equal(status, 2);
    const { success, categories } = JSON.parse(stdout);
    assert.equal(success, false);
    assert.equal(categories[0].categoryName, "linkerd-credentials");
    assert.match(categories[0].checks[0].error, /\/not\/there does not exist/);
  });

  test("has nothing to look at before Linkerd is installed, and nothing to install", () => {
    const pre = extension("check", "--pre");
    assert.deepEqual([pre.status, pre.stdout], [0, "Status check results are √\n"]);
    const install = extension("install");
    assert.deepEqual([install.status, install.stdout], [0, ""]);
  });
});

suite("The verdicts as linkerd check shows them", () => {
  test("are a check each where nothing is wrong", () => {
    const { success, categories } = checkOutput([]);
    assert.equal(success, true);
    assert.deepEqual(new Set(categories[0]!.checks.map(({ result }) => result)), new Set(["success"]));
  });

  test("are each finding's, with its severity and its fix, at the check that it is about", () => {
    const finding = (rule: keyof typeof rules) =>
      broken(rule, { field: "Here", message: `${rule}.`, fix: "Mend it." });
    const output = checkOutput(
      (["expired", "issuer-loaded", "leaf-refreshed", "status-known"] as const).map(finding),
    );
    const printed = printCheck(output).split("\n");
    assert.equal(output.success, false);
    const place = (text: string) => printed.indexOf(text);
    assert.equal(printed[place("× trust anchors and identity issuer are valid") + 1], "    Here: expired.");
    assert.equal(printed[place("    Here: expired.") + 1], "    Fix: Mend it.");
    assert.ok(place("× every identity controller has loaded the issuer that is stored") > 0);
    assert.ok(place("‼ the proxies' own certificates are alive") > 0);
    assert.ok(place("√ every meshed pod accepts what identity signs") > 0);
    assert.equal(printed.at(-1), "Status check results are ×");
    assert.equal(checkOutput([finding("leaf-refreshed")]).success, true);
  });
});
