import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { plain, requireSound, sound } from "../../components/settings.ts";
import type { Finding } from "../../rules/finding.ts";
import { resolved } from "../registrations.ts";

const refusal = {
  rule: "short",
  severity: "error",
  field: "life",
  message: "It is short.",
  fix: "Make it longer.",
  source: "this test",
} as const;
const message =
  "One setting is not right:\n  life: It is short.\n    Fix: Make it longer.\n    Rule: short (this test)";
const check = ({ life }: { life: string }) => (life === "short" ? [refusal] : []);

test("plain inputs are checked at once, and stay as they are", () => {
  assert.deepEqual(sound({ life: "long" }, check), { life: "long" });
  assert.throws(
    () => sound({ life: "short" }, check),
    (error: Error) => {
      assert.ok(pulumi.RunError.isInstance(error));
      assert.equal(error.message, message);
      return true;
    },
  );
});

test("inputs that are not known yet are checked when they are", async () => {
  assert.equal(await resolved(pulumi.output(sound({ life: pulumi.output("long") }, check).life)), "long");
  // A failed Output ends the program, so this one runs in a process of its own.
  const program = `
    import * as pulumi from "@pulumi/pulumi";
    import { sound } from "./components/settings.ts";
    sound({ life: "short", other: pulumi.output("late") }, () => [${JSON.stringify(refusal)}]);`;
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((done) =>
    execFile(
      process.execPath,
      ["--input-type=module", "--eval", program],
      { cwd: resolve(import.meta.dirname, "..", "..") },
      (error, _, stderr) => done({ code: error?.code, stderr }),
    ),
  );
  assert.equal(code, 1);
  assert.ok(stderr.includes(message), stderr);
});

test("a warning is logged, once, and stops nothing", (context) => {
  const log = context.mock.method(pulumi.log, "warn", async () => {});
  const warning: Finding = { ...refusal, severity: "warning" };
  requireSound([warning]);
  requireSound([warning]);
  assert.deepEqual(
    log.mock.calls.map((call) => call.arguments[0]),
    ["life: It is short.\n    Fix: Make it longer.\n    Rule: short (this test)"],
  );
  assert.throws(() => requireSound([warning, refusal]), { message });
});

test("only what needs no waiting is plain", () => {
  assert.equal(plain("text"), "text");
  assert.equal(plain(0), 0);
  assert.equal(plain(false), false);
  assert.equal(plain(undefined), undefined);
  assert.equal(plain(Promise.resolve("text")), undefined);
  assert.equal(plain(pulumi.output("text")), undefined);
});
