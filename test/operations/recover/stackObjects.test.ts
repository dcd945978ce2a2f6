import assert from "node:assert/strict";
import { test } from "node:test";
import { changedIn } from "../../../operations/recover/stackObjects.ts";

const written = { secretName: "x", issuerRef: { name: "linkerd-trust-anchor" }, usages: ["cert sign"] };

test("what cert-manager adds to an object is no change of it", () => {
  const present = { ...written, issuerRef: { ...written.issuerRef, group: "cert-manager.io" }, revision: 1 };
  assert.equal(changedIn(written, present), undefined);
});

test("a field that is another one, or missing, is named by its path", () => {
  assert.equal(changedIn(written, { ...written, issuerRef: { name: "other" } }), "issuerRef.name");
  assert.equal(changedIn(written, { ...written, usages: ["cert sign", "crl sign"] }), "usages");
  assert.equal(changedIn(written, undefined), "secretName");
});
