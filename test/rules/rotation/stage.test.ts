import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import { describeStage, stageOf } from "../../../rules/rotation/stage.ts";
import { editOf, nextStep, stepBack } from "../../../rules/rotation/steps.ts";
import type { Values } from "../../configured.ts";

const settingsOf = (values: Values) => resolve(argumentsOf(values));
const signs = (trustAnchorGenerations: number[], signingGeneration: number, more: Values = {}) => ({
  trustAnchorGenerations,
  signingGeneration,
  ...more,
});
const alone = { crossSignTrustAnchors: false };
const distrusting = { distrustedTrustAnchors: [1] };
const given = { certificatePem: "certificate" };

for (const [values, name, words] of [
  [{}, "idle", "generation 1 signs, and no rotation is under way"],
  [signs([7], 7), "idle", "generation 7 signs, and no rotation is under way"],
  [signs([1, 2], 1), "distributed", "generation 1 signs, and generation 2 is trusted as well"],
  [signs([1, 2], 2), "vouched", "generation 2 signs, and generation 1 vouches for it"],
  [signs([1, 2, 3], 3), "vouched", "generation 3 signs, and generations 1 and 2 vouch for it"],
  [signs([1, 2], 2, alone), "alone", "generation 2 signs alone, and generation 1 is still trusted"],
  [
    signs([1, 2], 2, { providedTrustAnchors: { 1: given } }),
    "alone",
    "generation 2 signs alone, and generation 1 is still trusted",
  ],
  [signs([1, 2], 2, distrusting), "distrusted", "generation 2 signs alone, and generation 1 is distrusted"],
] as const) {
  test(`a stack's settings say where its rotation is: ${words}`, () => {
    const stage = stageOf(settingsOf(values))!;
    assert.equal(stage.name, name);
    assert.equal(describeStage(stage), words);
  });
}

test("where no generation of the stack signs, it has none to rotate", () => {
  assert.equal(stageOf(settingsOf({ trustAnchorSource: "cluster" })), undefined);
  assert.equal(stageOf(settingsOf({ identityIssuerSource: "secret" })), undefined);
});

const files = { certificateFile: "../pki/root-2.pem", privateKeyFile: "../pki/root-2.key" };
const cross = { ...files, crossCertificateFile: "../pki/cross-2.pem" };
const edited = (values: Values, next?: typeof files | typeof cross | { certificateFile: string }) => {
  const settings = settingsOf(values);
  const stage = stageOf(settings)!;
  return editOf(nextStep(stage).name, stage, settings, next);
};
const edit = (values: Values) => {
  const settings = settingsOf(values);
  const stage = stageOf(settings)!;
  const step = stepBack(stage, settings);
  return step && editOf(step.name, stage, settings);
};

test("each step forward is one edit", () => {
  assert.deepEqual(edited({}), { generations: [1, 2], signing: 2 });
  assert.deepEqual(edited(signs([7], 7)), { generations: [7, 8], signing: 8 });
  assert.deepEqual(edited(signs([1, 2], 1)), { signing: 2 });
  assert.deepEqual(edited(signs([1, 2], 2)), { crossSign: false });
  assert.deepEqual(edited(signs([1, 2], 2, alone)), { generations: [2], crossSign: undefined });
  const provided = { providedTrustAnchors: { 1: given } };
  assert.deepEqual(edited(signs([1, 2], 2, { ...alone, ...provided })), {
    generations: [2],
    crossSign: undefined,
    provided: { 1: undefined },
  });
});

test("without a key or a cross certificate, the next generation joins the bundle first", () => {
  const keyless = { providedTrustAnchors: { 1: given } };
  assert.deepEqual(edited(keyless), { generations: [1, 2] });
  assert.deepEqual(edited(alone), { generations: [1, 2] });
  assert.deepEqual(edited(keyless, files), { generations: [1, 2], provided: { 2: files } });
  assert.deepEqual(edited(keyless, cross), { generations: [1, 2], provided: { 2: cross }, signing: 2 });
  const { certificateFile } = files;
  assert.deepEqual(edited({}, { certificateFile }), {
    generations: [1, 2],
    provided: { 2: { certificateFile } },
  });
});

test("each step back is one edit, until the older generation is alone", () => {
  assert.deepEqual(edit(signs([1, 2], 2, alone)), { crossSign: undefined });
  assert.deepEqual(edit(signs([1, 2], 2, distrusting)), { distrusted: undefined });
  assert.deepEqual(edit(signs([1, 2], 2)), { signing: 1 });
  assert.deepEqual(edit(signs([1, 2], 1)), { generations: [1] });
  assert.equal(edit({}), undefined);
});

test("where the older generation cannot vouch again, it signs again", () => {
  const keyless = signs([1, 2], 2, { providedTrustAnchors: { 1: given } });
  assert.deepEqual(edit(keyless), { signing: 1 });
  assert.deepEqual(edit({ ...keyless, ...alone }), { crossSign: undefined });
});

test("from each stage, all but the newest generation can be distrusted", () => {
  for (const [values, expected] of [
    [{}, { generations: [1, 2], signing: 2, distrusted: [1] }],
    [signs([7], 7), { generations: [7, 8], signing: 8, distrusted: [7] }],
    [signs([1, 2], 1), { signing: 2, distrusted: [1] }],
    [signs([1, 2], 2), { distrusted: [1] }],
    [signs([1, 2, 3], 3), { distrusted: [1, 2] }],
    [signs([1, 2], 2, alone), { crossSign: undefined, distrusted: [1] }],
  ] as const) {
    const settings = settingsOf(values as Values);
    assert.deepEqual(editOf("distrust", stageOf(settings)!, settings), expected);
  }
  const settings = settingsOf({});
  const next = editOf("distrust", stageOf(settings)!, settings, files);
  assert.deepEqual(next, { generations: [1, 2], signing: 2, distrusted: [1], provided: { 2: files } });
  assert.deepEqual(edited(signs([1, 2], 2, distrusting)), {
    generations: [2],
    crossSign: undefined,
    distrusted: undefined,
  });
});

test("a step starts from its own stage", () => {
  const settings = settingsOf({});
  assert.throws(
    () => editOf("settle", stageOf(settings)!, settings),
    /settle starts from the stage vouched, .* is idle/,
  );
});
