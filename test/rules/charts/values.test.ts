import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import * as fc from "fast-check";
import { checkOwned, type HelmValues, mergeValues } from "../../../rules/charts/values.ts";
import { broken } from "../../../rules/rules.ts";

test("nested values are merged, leaf by leaf", () => {
  assert.deepEqual(
    mergeValues({ a: { b: 1, c: [1, 2] }, d: "kept" }, { a: { b: 2, c: [3] }, e: { f: null } }),
    { a: { b: 2, c: [3] }, d: "kept", e: { f: null } },
  );
});

test("a leaf and a nested value exclude each other: the one on top stays", () => {
  assert.deepEqual(mergeValues({ a: 1 }, { a: { b: 2 } }), { a: { b: 2 } });
  assert.deepEqual(mergeValues({ a: { b: 2 } }, { a: 1 }), { a: 1 });
});

test("an Output is a leaf", () => {
  const output = pulumi.output({ b: 1 });
  assert.equal(mergeValues({ a: { b: 2 } }, { a: output }).a, output);
  assert.deepEqual(mergeValues({ a: output }, { a: { b: 2 } }), { a: { b: 2 } });
});

test("merging changes neither side, and merging again changes nothing", () => {
  const { tree } = fc.letrec<{ tree: HelmValues; value: unknown }>((tie) => ({
    tree: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { noNullPrototype: true }),
    value: fc.oneof({ depthSize: "small" }, fc.integer(), fc.string(), fc.array(fc.integer()), tie("tree")),
  }));
  fc.assert(
    fc.property(tree, tree, (under, over) => {
      const [underBefore, overBefore] = [structuredClone(under), structuredClone(over)];
      const merged = mergeValues(under, over);
      assert.deepEqual(under, underBefore);
      assert.deepEqual(over, overBefore);
      assert.deepEqual(mergeValues(merged, over), merged);
      assert.deepEqual(mergeValues({}, over), over);
      assert.deepEqual(mergeValues(under, {}), under);
    }),
  );
});

const owned = [
  { path: "a.fixed", value: true, fix: "Remove it." },
  { path: "b", fix: "Set it elsewhere." },
];

test("values that the component owns are refused by their paths", () => {
  assert.deepEqual(checkOwned("values", { a: { fixed: false }, b: { c: 1 } }, owned), [
    broken("owned-value", {
      field: "values.a.fixed",
      message: "This program sets this value to true; it cannot be changed here.",
      fix: "Remove it.",
    }),
    broken("owned-value", {
      field: "values.b",
      message: "This value may not be set.",
      fix: "Set it elsewhere.",
    }),
  ]);
});

test("the same value, and values beside it, are fine", () => {
  assert.deepEqual(checkOwned("values", { a: { fixed: true, other: 1 }, c: 2 }, owned), []);
  assert.deepEqual(checkOwned("values", { a: "no object" }, owned), []);
});

test("a value that is not known cannot be the same", () => {
  assert.equal(checkOwned("values", { a: { fixed: pulumi.secret(true) } }, owned).length, 1);
});
