import assert from "node:assert/strict";
import { test } from "node:test";
import { checkCrossCertificateEnd } from "../../../rules/lifetimes/crossCertificate.ts";
import { hoursFromNow, now } from "../../certificates.ts";

const check = (hours: number) => [
  ...checkCrossCertificateEnd(
    { field: "trustAnchor.crossSign", generation: 2, by: 1, end: hoursFromNow(hours) },
    "48h",
    now,
  ),
];

test("what vouches for the issuer outlives an issuer that is issued now", () => {
  assert.deepEqual(check(49), []);
  const [finding] = check(48);
  assert.equal(finding!.rule, "chain-outlives-issuer");
  assert.match(
    finding!.message,
    /^Generation 1 vouches for generation 2 until .* every proxy of the mesh fails/,
  );
});
