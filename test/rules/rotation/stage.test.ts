import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import { describeStage, generationAbove, stageOf } from "../../../rules/rotation/stage.ts";
import { editOf, isOthers, lacksNext, nextStep, stepBack } from "../../../rules/rotation/steps.ts";
import { authority, type Fabricated, hoursFromNow, now, parsed } from "../../certificates.ts";
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

const vaultIssuer = {
  server: "https://vault.example.com:8200",
  path: "pki/root/sign-intermediate",
  auth: { kubernetes: { role: "linkerd" } },
};
const elsewhere = {
  "identityIssuer.source": { identityIssuerSource: "secret" },
  "identityIssuer.issuerRef": { identityIssuerRef: { name: "company" } },
  "identityIssuer.vault": { vaultIssuer },
} as const;

for (const [setting, values] of Object.entries(elsewhere)) {
  test(`where someone else signs, the issuer that is stored says with which generation: ${setting}`, () => {
    for (const [generations, led, name] of [
      [[1], 1, "idle"],
      [[7], 7, "idle"],
      [[1, 2], 1, "distributed"],
      [[1, 2], 2, "alone"],
    ] as const) {
      const settings = settingsOf({ ...values, trustAnchorGenerations: generations });
      assert.deepEqual(stageOf(settings, led), {
        name,
        generations,
        signing: led,
        distrusted: [],
        crossSigned: [],
        elsewhere: setting,
      });
    }
    assert.equal(stageOf(settingsOf(values)), undefined);
  });
}

test("where a generation of the stack signs, its settings say so, whatever is stored", () => {
  assert.equal(stageOf(settingsOf(signs([1, 2], 1)), 2)!.signing, 1);
});

test("an anchor that the cluster keeps has no stage", () => {
  assert.equal(stageOf(settingsOf({ trustAnchorSource: "cluster" })), undefined);
  assert.equal(stageOf(settingsOf({ trustAnchorSource: "cluster" }), 1), undefined);
});

test("an issuer leads to the generation that has signed it, over intermediates and past cross certificates", async () => {
  const lasting = { notAfter: hoursFromNow(1000) };
  const [old, next, other] = await Promise.all(
    ["company 1", "company 2", "other"].map((commonName) => authority({ commonName, ...lasting })),
  );
  const below = (signer: Fabricated, commonName = "identity.linkerd.cluster.local") =>
    authority({ commonName, signer, ...lasting });
  const cross = await authority({ commonName: "company 2", keys: next!, signer: old!, ...lasting });
  const intermediate = await below(next!, "intermediate");
  const one = ({ certificate }: Fabricated) => parsed(certificate);
  const roots = new Map([
    [1, one(old!)],
    [2, one(next!)],
  ]);
  const ledFrom = async (signer: Fabricated, ...following: Fabricated[]) =>
    generationAbove(one(await below(signer)), following.map(one), roots, now);
  assert.equal(await ledFrom(old!), 1);
  assert.equal(await ledFrom(next!), 2);
  assert.equal(await ledFrom(next!, cross), 2);
  assert.equal(await ledFrom(intermediate, intermediate), 2);
  assert.equal(await ledFrom(intermediate), undefined);
  assert.equal(await ledFrom(other!), undefined);
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

test("where someone else signs, the next generation joins the bundle, though Pulumi has the key of this one", () => {
  const settings = settingsOf(elsewhere["identityIssuer.vault"]);
  assert.deepEqual(editOf("begin", stageOf(settings, 1)!, settings), { generations: [1, 2] });
});

test("a step starts from its own stage", () => {
  const settings = settingsOf({});
  assert.throws(
    () => editOf("settle", stageOf(settings)!, settings),
    /settle starts from the stage vouched, .* is idle/,
  );
});

/** Where someone else signs with the generation `led`, each of them given without its key. */
const theirs = (generations: number[], led: number, values: Values = elsewhere["identityIssuer.vault"]) => {
  const provided = Object.fromEntries(generations.map((one) => [one, given]));
  const settings = settingsOf({
    trustAnchorGenerations: generations,
    providedTrustAnchors: provided,
    ...values,
  });
  return { settings, stage: stageOf(settings, led)! };
};

test("where someone else signs, each step is an edit of what is trusted, or theirs to take", () => {
  const { certificateFile } = files;
  const takes = (generations: number[], led: number) => {
    const { settings, stage } = theirs(generations, led);
    const { name } = nextStep(stage);
    const isTheirs = isOthers(name, stage);
    return { name, isTheirs, edit: editOf(name, stage, settings, name === "begin" ? files : undefined) };
  };
  assert.deepEqual(takes([1], 1), {
    name: "begin",
    isTheirs: false,
    edit: { generations: [1, 2], provided: { 2: files } },
  });
  assert.deepEqual(takes([1, 2], 1), { name: "activate", isTheirs: true, edit: {} });
  assert.deepEqual(takes([1, 2], 2), {
    name: "retire",
    isTheirs: false,
    edit: { generations: [2], provided: { 1: undefined } },
  });
  const { settings, stage } = theirs([1], 1);
  const cross = { certificateFile, crossCertificateFile: "../pki/cross-2.pem" };
  assert.deepEqual(editOf("begin", stage, settings, cross), {
    generations: [1, 2],
    provided: { 2: cross },
  });
});

test("where someone else signs, they go back first, and then the newest generation leaves", () => {
  const back = (led: number, values: Values = {}) => {
    const { settings, stage } = theirs([1, 2], led, { ...elsewhere["identityIssuer.source"], ...values });
    const step = stepBack(stage, settings)!;
    return [step.name, isOthers(step.name, stage), editOf(step.name, stage, settings)];
  };
  assert.deepEqual(back(2), ["withdraw", true, {}]);
  assert.deepEqual(back(2, alone), ["withdraw", true, {}]);
  assert.deepEqual(back(1), ["drop", false, { generations: [1], provided: { 2: undefined } }]);
});

test("who signs with a root that they have given gives the next one; what Pulumi makes, it makes again", () => {
  const { settings, stage } = theirs([1], 1);
  assert.equal(lacksNext(stage, settings), true);
  const made = settingsOf(elsewhere["identityIssuer.vault"]);
  assert.equal(lacksNext(stageOf(made, 1)!, made), false);
  const keyless = settingsOf({ providedTrustAnchors: { 1: given } });
  assert.equal(lacksNext(stageOf(keyless)!, keyless), false);
});
