import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../../configured.ts";

const check = (trustAnchorGenerations: readonly number[], signingGeneration: number) =>
  findingsOf({ trustAnchorGenerations, signingGeneration }).map(
    ({ field, message }) => `${field}: ${message}`,
  );

test("generations rise, and the one that signs is listed", () => {
  for (const [generations, signing] of [
    [[1], 1],
    [[1, 2], 1],
    [[1, 2], 2],
    [[2, 7], 7],
  ] as const) {
    assert.deepEqual(check(generations, signing), []);
  }
  for (const generations of [[], [0], [-1], [1.5], [2, 1], [1, 1]]) {
    const [refusal] = check(generations, generations[0] ?? 1);
    assert.equal(
      refusal,
      `trustAnchorGenerations: [${generations.join(", ")}] is not a list of whole numbers from 1 on, each once, the oldest first.`,
    );
  }
  assert.deepEqual(check([2, 3], 1), [
    "signingGeneration: 1 is not among trustAnchorGenerations [2, 3]: no proxy would trust what it signs.",
  ]);
});

test("only what is listed, and older than what signs, can be distrusted", () => {
  const distrust = (trustAnchorGenerations: number[], signingGeneration: number, ...distrusted: number[]) =>
    findingsOf({ trustAnchorGenerations, signingGeneration, distrustedTrustAnchors: distrusted }).map(
      ({ rule, message }) => `${rule}: ${message}`,
    );
  assert.deepEqual(distrust([1, 2], 2, 1), []);
  assert.deepEqual(distrust([1, 2, 3], 3, 1, 2), []);
  assert.deepEqual(distrust([1, 2], 2, 3), [
    "distrusted-generation: Generation 3 is not among trustAnchorGenerations [1, 2].",
  ]);
  for (const [signing, distrusted] of [
    [1, 2],
    [2, 2],
  ] as const) {
    const [finding, ...others] = distrust([1, 2], signing, distrusted);
    assert.deepEqual(others, []);
    assert.match(
      finding!,
      /^distrusted-generation: Generation 2 is not older than generation \d, which signs/,
    );
  }
});
