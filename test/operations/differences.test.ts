import assert from "node:assert/strict";
import { test } from "node:test";
import { differencesIn } from "../../operations/differences.ts";

const written = { secretName: "x", issuerRef: { name: "linkerd-trust-anchor" }, usages: ["cert sign"] };

test("what cert-manager adds to an object is no change of it", () => {
  const present = { ...written, issuerRef: { ...written.issuerRef, group: "cert-manager.io" }, revision: 1 };
  assert.deepEqual(differencesIn(written, present), []);
});

test("a field that is another one, or missing, is named by its path, with both values", () => {
  assert.deepEqual(differencesIn(written, { ...written, issuerRef: { name: "other" } }), [
    { path: "issuerRef.name", wanted: "linkerd-trust-anchor", present: "other" },
  ]);
  const usages = ["cert sign", "crl sign"];
  assert.deepEqual(differencesIn(written, { ...written, usages }), [
    { path: "usages", wanted: ["cert sign"], present: usages },
  ]);
  assert.deepEqual(
    differencesIn(written, undefined).map(({ path }) => path),
    ["secretName", "issuerRef.name", "usages"],
  );
});
