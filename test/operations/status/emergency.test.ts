/** What status says of a guarded object that anyone may write by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Emergency } from "../../../mesh/emergencies.ts";
import { statusFacts, statusJson } from "../../../operations/status/json.ts";
import { statusMetrics } from "../../../operations/status/metrics.ts";
import { statusTable } from "../../../operations/status/table.ts";
import { problemsOf } from "../../../operations/status/verdict.ts";
import { soundStatus } from "./soundStatus.ts";

const { status: sound } = await soundStatus();

const issuer = {
  apiVersion: "cert-manager.io/v1",
  kind: "Issuer",
  name: "linkerd-trust-anchor",
  namespace: "linkerd",
};
const bundle = {
  apiVersion: "trust.cert-manager.io/v1alpha1",
  kind: "Bundle",
  name: "linkerd-identity-trust-roots",
};
const secret = { ...issuer, apiVersion: "v1", kind: "Secret" };

/** The status of a mesh in which these objects have the annotation. */
function shown(...emergencies: readonly Emergency[]) {
  const status = { ...sound, emergencies };
  return { status, problems: problemsOf(status) };
}

test("names the object, the reason, who may end it, and the command that does", () => {
  const { status, problems } = shown({ object: issuer, reason: "INC-42: the vault is lost" });
  assert.match(
    statusTable(status, problems),
    /\nWarning: Issuer linkerd\/linkerd-trust-anchor: Its annotation linkerd-rotating-tls\/emergency gives a reason, "INC-42: the vault is lost": .*\n {4}Fix: .*whoever may change the object .*kubectl annotate issuer\.cert-manager\.io linkerd-trust-anchor --namespace linkerd linkerd-rotating-tls\/emergency-\n {4}Rule: guard-emergency/,
  );
});

test("kubectl takes each object by what it says", () => {
  const commands = shown({ object: secret, reason: "one" }, { object: bundle, reason: "two" }).problems.map(
    ({ fix }) => /annotate (.*) linkerd-rotating-tls\/emergency-$/.exec(fix)?.[1],
  );
  assert.deepEqual(commands, [
    "secret linkerd-trust-anchor --namespace linkerd",
    "bundle.trust.cert-manager.io linkerd-identity-trust-roots",
  ]);
});

test("is a warning in the JSON, which has the reason as it stands, and one problem among the metrics", () => {
  const reason = 'INC-42:\nthe "vault" is lost';
  const { status, problems } = shown({ object: secret, reason }, { object: bundle, reason: "two" });
  const { verdict, emergencies } = JSON.parse(statusJson(status, problems));
  assert.equal(verdict, "warning");
  assert.deepEqual(emergencies, [
    { kind: "Secret", namespace: "linkerd", name: "linkerd-trust-anchor", reason },
    { kind: "Bundle", name: "linkerd-identity-trust-roots", reason: "two" },
  ]);
  assert.match(
    statusMetrics(statusFacts(status, problems)),
    /^linkerd_credentials_problems\{rule="guard-emergency",severity="warning"\} 2$/m,
  );
});

test("a reason obeys no terminal, and stays in its line", () => {
  const [problem] = shown({ object: secret, reason: "\u001b[2J\nAll right" }).problems;
  assert.match(problem!.message, /"\\u001b\[2J\\u000aAll right"/);
});
