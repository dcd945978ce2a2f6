import assert from "node:assert/strict";
import { test } from "node:test";
import { policySpec } from "../../../rules/guard/policy.ts";
import { freeWriters, ownFieldManager, pulumiFieldManagers } from "../../../rules/guard/writers.ts";
import { findingsOf } from "../../configured.ts";
import { assertWellFormed } from "../wellFormed.ts";

// What the API server makes of the expressions, test/onRequest/guard.cluster.test.ts asks it.

test("cert-manager's namespace and the writers are let in, as texts of CEL", () => {
  const writers = ['o"brien', "back\\slash", "oidc:größe"];
  const [free] = policySpec("pki", writers).matchConditions;
  const list = /one in (\[.*\])\)$/.exec(free!.expression)![1]!;
  assert.deepEqual(JSON.parse(list), freeWriters("pki", writers));
  assert.deepEqual(freeWriters("pki", writers), [
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccounts:pki",
    ...writers,
  ]);
});

test("Pulumi and Helm inside of it are told from every other program by the name with which they write", () => {
  const isPulumi = (name: string) => new RegExp(`^(${pulumiFieldManagers})$`).test(name);
  for (const name of ["pulumi-kubernetes", "pulumi-kubernetes-1a2b3c4d", "pulumi-resource-kubernetes"]) {
    assert.ok(isPulumi(name), name);
  }
  for (const name of ["helm", "kubectl-edit", "pulumi", "pulumi-kubernetesx", "x-pulumi-kubernetes", ""]) {
    assert.ok(!isPulumi(name), name);
  }
  const own = policySpec("pki", []).matchConditions.find(({ name }) => name === "not-by-pulumi");
  assert.ok(own!.expression.includes(`|${ownFieldManager})$`));
});

test("a writer that is nobody's name is refused", () => {
  const refused = (writers: unknown) => findingsOf({ guardCredentials: true, credentialWriters: writers });
  assert.deepEqual(refused(["alice", "system:serviceaccounts:backup"]), []);
  for (const writer of ["", " alice", "alice ", 7]) {
    const [finding, ...others] = refused(["alice", writer]);
    assert.ok(finding !== undefined && others.length === 0, JSON.stringify(writer));
    assert.equal(finding.rule, "credential-writer");
    assert.equal(finding.field, "credentialWriters");
    assert.match(finding.message, /^Writer 2, /);
    assertWellFormed(finding);
  }
});
