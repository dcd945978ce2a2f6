import assert from "node:assert/strict";
import { test } from "node:test";
import { sentenceOf, summarize, tableOf } from "../../bench/pairs.ts";

const pairs = [
  { ours: 3, stock: 2 },
  { ours: 1, stock: 2 },
  { ours: 2, stock: 2 },
];

test("the ratio is the median of the pairs' ratios, not the ratio of medians", () => {
  assert.deepEqual(summarize(pairs), { median: 1, minimum: 0.5, maximum: 1.5 });
  assert.deepEqual(summarize(pairs.slice(0, 2)), { median: 1, minimum: 0.5, maximum: 1.5 });
  assert.deepEqual(
    summarize([
      { ours: 10, stock: 1 },
      { ours: 2, stock: 4 },
      { ours: 9, stock: 10 },
    ]).median,
    0.9,
  );
  assert.deepEqual(summarize([{ ours: 3, stock: 4 }]), { median: 0.75, minimum: 0.75, maximum: 0.75 });
  assert.throws(() => summarize([]));
});

test("what is shown of them", () => {
  assert.equal(
    tableOf([
      { ours: 3.636, stock: 2.91 },
      { ours: 12, stock: 11.5 },
    ]),
    [
      "    pair      ours     stock     ratio",
      "       1    3.64 s    2.91 s      1.25",
      "       2   12.00 s   11.50 s      1.04",
    ].join("\n"),
  );
  assert.equal(
    sentenceOf(summarize(pairs), pairs.length),
    "Ours takes 1.00 times as long as the stock program: the median of 3 pairs, from 0.50 to 1.50.",
  );
});
