import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { requireSound, resolveSound } from "../../components/validation.ts";
import type { Finding } from "../../rules/finding.ts";
import { authority } from "../certificates.ts";
import { resolved } from "../registrations.ts";

const refusal = {
  rule: "short",
  severity: "error",
  field: "life",
  message: "It is short.",
  fix: "Make it longer.",
  source: "this test",
} as const;

test("errors stop everything, warnings are logged and stop nothing", (context) => {
  const log = context.mock.method(pulumi.log, "warn", async () => {});
  const warning: Finding = { ...refusal, severity: "warning" };
  requireSound([warning]);
  const text = "life: It is short.\n    Fix: Make it longer.\n    Rule: short (this test)";
  assert.deepEqual(
    log.mock.calls.map((call) => call.arguments[0]),
    [text],
  );
  assert.throws(
    () => requireSound([warning, refusal]),
    (error: Error) => {
      assert.ok(pulumi.RunError.isInstance(error));
      assert.equal(error.message, `One setting is not right:\n  ${text}`);
      return true;
    },
  );
});

test("settings that are plain are resolved at once, and arguments only once", (context) => {
  const log = context.mock.method(pulumi.log, "warn", async () => {});
  const args = { cni: { install: true, chartVersion: "2026.7.1" } };
  const settings = resolveSound(args);
  assert.equal(settings.cni.version?.major, 2026);
  assert.equal(settings.controlPlane.namespace, "linkerd");
  assert.equal(resolveSound(args), settings);
  assert.equal(log.mock.callCount(), 1, "a plugin of a different release is warned of once");
});

test("settings that are not known yet are checked together when they are", async () => {
  const args = { identityIssuer: { duration: pulumi.output("72h"), renewBefore: "50h" } };
  const { identityIssuer } = resolveSound(args);
  assert.equal(await resolved(pulumi.output(identityIssuer.duration)), "72h");
  assert.match(
    await failureOf('{ identityIssuer: { duration: pulumi.output("40h"), renewBefore: "50h" } }'),
    /identityIssuer\.renewBefore: 50h is not shorter than identityIssuer\.duration \(40h\)/,
  );
});

test("an anchor that is not known yet is judged with the other settings when it is", async () => {
  const { certificate } = await authority({ commonName: "given", pathLength: 0 });
  const pem = JSON.stringify(certificate.toString());
  assert.match(
    await failureOf(`{
      trustAnchor: { generations: [1, 2], provided: { 2: { certificatePem: pulumi.secret(${pem}) } } }
    }`),
    /trustAnchor\.provided\.2\.certificatePem: .*\(path length\)/,
  );
});

/** What a program says that ends because of these arguments. A failed Output ends it, so it has a process of its own. */
async function failureOf(args: string): Promise<string> {
  const program = `
    import * as pulumi from "@pulumi/pulumi";
    import { resolveSound } from "./components/validation.ts";
    resolveSound(${args});`;
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((done) =>
    execFile(
      process.execPath,
      ["--input-type=module", "--eval", program],
      { cwd: resolve(import.meta.dirname, "..", "..") },
      (error, _, text) => done({ code: error?.code, stderr: text }),
    ),
  );
  assert.equal(code, 1);
  return stderr;
}
