import assert from "node:assert/strict";
import { test } from "node:test";
import { closest } from "../../rules/closest.ts";

const keys = ["issuerDuration", "issuerRenewBefore", "trustDomain", "kubeContext"];

test("the nearest word is found, whatever its case", () => {
  assert.equal(closest("issuerDuraton", keys), "issuerDuration");
  assert.equal(closest("IssuerDuration", keys), "issuerDuration");
  assert.equal(closest("renewBefore", keys), undefined);
  assert.equal(closest("issuer-renew-before", keys), "issuerRenewBefore");
  assert.equal(closest("kubecontext", keys), "kubeContext");
});

test("a word that is like none has none", () => {
  for (const word of ["", "x", "colour", "region"]) assert.equal(closest(word, keys), undefined, word);
});
