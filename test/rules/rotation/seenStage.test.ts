import assert from "node:assert/strict";
import { test } from "node:test";
import type { Generation } from "../../../rules/mesh/generations.ts";
import { seenStage } from "../../../rules/rotation/seenStage.ts";
import { authority, hoursFromNow, parsed } from "../../certificates.ts";

const rootOf = async (days: number) =>
  parsed((await authority({ commonName: "root", notBefore: hoursFromNow(-24 * days) })).certificate);
const [older, newer] = await Promise.all([rootOf(9), rootOf(2)]);

const first: Generation = { number: 1, certificate: newer, isInBundle: true, signs: false, vouchers: [] };
const second: Generation = { ...first, number: 2, certificate: older };
const signs = { signs: true };
const vouchedFor = { ...signs, vouchers: [{ certificate: older }] };
const outside = { isInBundle: false };
/** As they are kept on the cluster: of one name, so that their dates alone tell which is newer. */
const previous: Generation = { ...first, certificate: older };
const present: Generation = { ...first, certificate: newer };

for (const [name, stage, ...generations] of [
  ["one that signs", "idle", { ...first, ...signs }],
  ["one that signs, and one out of the bundle", "idle", { ...first, ...outside }, { ...second, ...signs }],
  ["one that signs, and a newer one", "distributed", { ...first, ...signs }, second],
  ["one that is vouched for", "vouched", first, { ...second, ...vouchedFor }],
  [
    "one that is vouched for by one out of the bundle",
    "vouched",
    { ...first, ...outside },
    { ...second, ...vouchedFor },
  ],
  ["one that signs, and an older one", "alone", first, { ...second, ...signs }],
  ["of one name, the older of which signs", "distributed", present, { ...previous, ...signs }],
  ["of one name, the newer of which signs", "alone", { ...present, ...signs }, previous],
  ["none that signs", undefined, first, second],
] as const) {
  test(`the stage ${stage} is seen in generations: ${name}`, () => {
    assert.equal(seenStage(generations), stage);
  });
}
