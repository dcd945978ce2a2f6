import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { checkLifetimes, type IssuerLifetimes } from "../../../rules/lifetimes/identityIssuer.ts";

const sound = {
  duration: "48h",
  renewBefore: "25h",
  issuanceLifetime: "24h",
  clockSkewAllowance: "20s",
  validityPeriodHours: 87_600,
};

const check = (changed: Partial<typeof sound> | IssuerLifetimes) => {
  const { validityPeriodHours, ...issuer } = { ...sound, ...changed };
  const findings = [...checkLifetimes(issuer, validityPeriodHours)];
  return findings.map(({ field, message }) => `${field}: ${message}`);
};

test("the defaults are sound", () => {
  assert.deepEqual(check({}), []);
});

test("a whole life within minutes is sound, where leaves live shorter", () => {
  assert.deepEqual(check({ duration: "1h", renewBefore: "59m30s", issuanceLifetime: "20m" }), []);
});

test("each rule names the field, the values and the relation", () => {
  for (const [lifetimes, finding] of [
    [
      { duration: "two days" },
      'identityIssuer.duration: "two days" is not a duration: a number is missing before "two days".',
    ],
    [
      { duration: "59m59s", renewBefore: "30m", issuanceLifetime: "10m" },
      "identityIssuer.duration: 59m59s is shorter than 1h, the least that cert-manager accepts.",
    ],
    [
      { renewBefore: "4m59s", issuanceLifetime: "1m" },
      "identityIssuer.renewBefore: 4m59s is shorter than 5m, the least that cert-manager accepts.",
    ],
    [
      { renewBefore: "48h" },
      "identityIssuer.renewBefore: 48h is not shorter than identityIssuer.duration (48h): the certificate would be due for renewal as soon as it is issued.",
    ],
    [
      { renewBefore: "24h20s" },
      "identityIssuer.renewBefore: 24h20s is not longer than identityIssuer.issuanceLifetime (24h) and identityIssuer.clockSkewAllowance (20s) together: proxies would get certificates from an issuer that expires before they do.",
    ],
    [
      { issuanceLifetime: "0s" },
      "identityIssuer.issuanceLifetime: 0s is no time at all: every proxy's certificate would be expired when it is issued.",
    ],
    [
      { validityPeriodHours: 72 },
      "trustAnchor.validityPeriodHours: 72 hours are not longer than identityIssuer.duration (48h) and identityIssuer.issuanceLifetime (24h) together: the anchor would expire before the first certificates below it.",
    ],
    [
      { validityPeriodHours: 0 },
      "trustAnchor.validityPeriodHours: 0 is not a whole number of hours from 1 to 2562047 (292 years).",
    ],
    [
      { validityPeriodHours: 2_562_048 },
      "trustAnchor.validityPeriodHours: 2562048 is not a whole number of hours from 1 to 2562047 (292 years).",
    ],
  ] as const) {
    assert.deepEqual(check(lifetimes), [finding]);
  }
});

test("the borders themselves are sound", () => {
  assert.deepEqual(check({ renewBefore: "24h20.000000001s" }), []);
  assert.deepEqual(check({ duration: "1h", renewBefore: "5m", issuanceLifetime: "4m" }), []);
  assert.deepEqual(check({ validityPeriodHours: 73 }), []);
  assert.deepEqual(check({ validityPeriodHours: 2_562_047 }), []);
});

test("several problems are found together", () => {
  assert.equal(check({ duration: "1", clockSkewAllowance: "x", issuanceLifetime: "0s" }).length, 3);
});

test("rules that need an unknown lifetime are passed over", () => {
  assert.deepEqual(check({ duration: undefined, renewBefore: "1000h" }), []);
  assert.deepEqual([...checkLifetimes({}, undefined)], []);
});

test("the lifetimes that Linkerd's documentation once gave for an anchor are refused for an issuer", () => {
  // Renewed 1440 of 8760 hours after issue is sound; the other way round is not.
  assert.deepEqual(check({ duration: "8760h", renewBefore: "7320h" }), []);
  assert.equal(check({ duration: "7320h", renewBefore: "8760h" }).length, 1);
});

test("sound lifetimes satisfy every relation, in whatever unit they are written", () => {
  const seconds = fc.integer({ min: 0, max: 400_000 });
  const spelled = (value: number) => fc.constantFrom(`${value}s`, `${value * 1000}ms`, `0h${value}s`);
  const lifetimes = fc
    .tuple(seconds, seconds, seconds, fc.integer({ min: 0, max: 60 }))
    .chain(([duration, renewBefore, issuance, skew]) =>
      fc.record({
        numbers: fc.constant({ duration, renewBefore, issuance, skew }),
        duration: spelled(duration),
        renewBefore: spelled(renewBefore),
        issuanceLifetime: spelled(issuance),
        clockSkewAllowance: spelled(skew),
      }),
    );
  fc.assert(
    fc.property(lifetimes, ({ numbers: { duration, renewBefore, issuance, skew }, ...texts }) => {
      const expected =
        duration > renewBefore &&
        renewBefore > issuance + skew &&
        duration >= 3600 &&
        renewBefore >= 300 &&
        issuance > 0;
      assert.equal(check(texts).length === 0, expected);
    }),
    { numRuns: 1000 },
  );
});
