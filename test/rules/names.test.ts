import assert from "node:assert/strict";
import { test } from "node:test";
import { checkCommonName, checkDomain, checkNamespaceName } from "../../rules/names.ts";
import { broken } from "../../rules/rules.ts";

test("namespaces are DNS labels", () => {
  for (const name of ["linkerd", "a", "7", "team-a-1", "x".repeat(63)]) {
    assert.deepEqual([...checkNamespaceName("field", name)], [], name);
  }
  for (const name of ["", "Linkerd", "-a", "a-", "a.b", "a_b", "x".repeat(64), "a\n"]) {
    assert.equal([...checkNamespaceName("field", name)].length, 1, name);
  }
  const expected = broken("namespace-name", {
    field: "linkerdNamespace",
    message:
      '"Linkerd" is not the name of a namespace: lower-case letters, digits and inner hyphens, at most 63.',
    fix: 'Write it like "linkerd" or "team-a".',
  });
  assert.deepEqual([...checkNamespaceName("linkerdNamespace", "Linkerd")], [expected]);
});

test("domains are DNS names in lower case", () => {
  for (const domain of ["cluster.local", "local", "mesh.example.com", "a-b.c"]) {
    assert.deepEqual([...checkDomain("field", domain)], [], domain);
  }
  for (const domain of [
    "",
    "cluster.local.",
    ".local",
    "a..b",
    "Cluster.local",
    "*.local",
    "a b",
    "x".repeat(254),
  ]) {
    assert.equal([...checkDomain("field", domain)].length, 1, domain);
  }
});

test("a common name has at most 64 characters", () => {
  assert.deepEqual([...checkCommonName("trustDomain", "x".repeat(64))], []);
  assert.equal(
    [...checkCommonName("trustDomain", "x".repeat(65))][0]?.message,
    `The common name made from it, ${"x".repeat(65)}, has 65 characters; a certificate allows at most 64.`,
  );
});
