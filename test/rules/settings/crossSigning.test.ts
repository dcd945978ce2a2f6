import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import { crossSignings } from "../../../rules/settings/crossSigning.ts";
import type { Values } from "../../configured.ts";

const vouching = (values: Values) =>
  crossSignings(resolve(argumentsOf(values))).map(({ generation, by }) => `${by} for ${generation}`);

const signs = (signingGeneration: number, ...trustAnchorGenerations: number[]) => ({
  signingGeneration,
  trustAnchorGenerations,
});
const certificatePem = "certificate";
const privateKeyPem = "key";
const crossCertificatePem = "cross certificate";
const providing = (provided: object) => ({ providedTrustAnchors: provided });

for (const [what, values, expected] of [
  ["alone", {}, []],
  ["the oldest signs", signs(1, 1, 2), []],
  ["the next one signs", signs(2, 1, 2), ["1 for 2"]],
  ["a number is left out", signs(7, 3, 7), ["3 for 7"]],
  ["two hops", signs(3, 1, 2, 3), ["2 for 3", "1 for 2"]],
  ["one has joined after the signer", signs(2, 1, 2, 3), ["1 for 2"]],
  ["the older one is distrusted", { ...signs(2, 1, 2), distrustedTrustAnchors: [1] }, []],
  ["the setting says no", { ...signs(2, 1, 2), crossSignTrustAnchors: false }, []],
  ["someone else signs", { ...signs(2, 1, 2), identityIssuerSource: "secret" }, []],
  [
    "given with its key",
    { ...signs(2, 1, 2), ...providing({ 1: { certificatePem, privateKeyPem } }) },
    ["1 for 2"],
  ],
  ["the older one's key is not here", { ...signs(2, 1, 2), ...providing({ 1: { certificatePem } }) }, []],
  [
    "its cross certificate is",
    {
      ...signs(2, 1, 2),
      ...providing({ 1: { certificatePem }, 2: { certificatePem, privateKeyPem, crossCertificatePem } }),
    },
    ["1 for 2"],
  ],
  ["the way ends at a missing key", { ...signs(3, 1, 2, 3), ...providing({ 2: { certificatePem } }) }, []],
  [
    "the way ends further down",
    { ...signs(3, 1, 2, 3), ...providing({ 1: { certificatePem } }) },
    ["2 for 3"],
  ],
] as const) {
  test(`who vouches for the signer: ${what}`, () => assert.deepEqual(vouching(values), expected));
}
