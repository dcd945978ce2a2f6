import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { checkLifetimes, type KnownLifetimes } from "../../../rules/lifetimes/identityIssuer.ts";

const defaults = {
  issuerDuration: "48h",
  issuerRenewBefore: "25h",
  issuanceLifetime: "24h",
  clockSkewAllowance: "20s",
  trustAnchorValidityPeriodHours: 87_600,
};

const check = (lifetimes: KnownLifetimes) =>
  checkLifetimes({ ...defaults, ...lifetimes }).map(({ field, message }) => `${field}: ${message}`);

test("the defaults are sound", () => {
  assert.deepEqual(check({}), []);
});

test("a whole life within minutes is sound, where leaves live shorter", () => {
  assert.deepEqual(check({ issuerDuration: "1h", issuerRenewBefore: "59m30s", issuanceLifetime: "20m" }), []);
});

test("each rule names the field, the values and the relation", () => {
  for (const [lifetimes, finding] of [
    [
      { issuerDuration: "two days" },
      'issuerDuration: "two days" is not a duration: a number is missing before "two days".',
    ],
    [
      { issuerDuration: "59m59s", issuerRenewBefore: "30m", issuanceLifetime: "10m" },
      "issuerDuration: 59m59s is shorter than 1h, the least that cert-manager accepts.",
    ],
    [
      { issuerRenewBefore: "4m59s", issuanceLifetime: "1m" },
      "issuerRenewBefore: 4m59s is shorter than 5m, the least that cert-manager accepts.",
    ],
    [
      { issuerRenewBefore: "48h" },
      "issuerRenewBefore: 48h is not shorter than issuerDuration (48h): the certificate would be due for renewal as soon as it is issued.",
    ],
    [
      { issuerRenewBefore: "24h20s" },
      "issuerRenewBefore: 24h20s is not longer than issuanceLifetime (24h) and clockSkewAllowance (20s) together: proxies would get certificates from an issuer that ends before they do.",
    ],
    [
      { issuanceLifetime: "0s" },
      "issuanceLifetime: 0s is no time at all: every proxy's certificate would be expired when it is issued.",
    ],
    [
      { trustAnchorValidityPeriodHours: 72 },
      "trustAnchorValidityPeriodHours: 72 hours are not longer than issuerDuration (48h) and issuanceLifetime (24h) together: the anchor would end before the first certificates below it.",
    ],
    [
      { trustAnchorValidityPeriodHours: 0 },
      "trustAnchorValidityPeriodHours: 0 is not a whole number of hours from 1 to 2562047 (292 years).",
    ],
    [
      { trustAnchorValidityPeriodHours: 2_562_048 },
      "trustAnchorValidityPeriodHours: 2562048 is not a whole number of hours from 1 to 2562047 (292 years).",
    ],
  ] as const) {
    assert.deepEqual(check(lifetimes), [finding]);
  }
});

test("the borders themselves are sound", () => {
  assert.deepEqual(check({ issuerRenewBefore: "24h20.000000001s" }), []);
  assert.deepEqual(check({ issuerDuration: "1h", issuerRenewBefore: "5m", issuanceLifetime: "4m" }), []);
  assert.deepEqual(check({ trustAnchorValidityPeriodHours: 73 }), []);
  assert.deepEqual(check({ trustAnchorValidityPeriodHours: 2_562_047 }), []);
});

test("several problems are found together", () => {
  assert.equal(check({ issuerDuration: "1", clockSkewAllowance: "x", issuanceLifetime: "0s" }).length, 3);
});

test("rules that need an unknown lifetime are passed over", () => {
  assert.deepEqual(check({ issuerDuration: undefined, issuerRenewBefore: "1000h" }), []);
  assert.deepEqual(checkLifetimes({}), []);
});

test("the lifetimes that Linkerd's documentation once gave for an anchor are refused for an issuer", () => {
  // Renewed 1440 of 8760 hours after issue is sound; the other way round is not.
  assert.deepEqual(check({ issuerDuration: "8760h", issuerRenewBefore: "7320h" }), []);
  assert.equal(check({ issuerDuration: "7320h", issuerRenewBefore: "8760h" }).length, 1);
});

test("sound lifetimes satisfy every relation, in whatever unit they are written", () => {
  const seconds = fc.integer({ min: 0, max: 400_000 });
  const spelled = (value: number) => fc.constantFrom(`${value}s`, `${value * 1000}ms`, `0h${value}s`);
  const lifetimes = fc
    .tuple(seconds, seconds, seconds, fc.integer({ min: 0, max: 60 }))
    .chain(([duration, renewBefore, issuance, skew]) =>
      fc.record({
        numbers: fc.constant({ duration, renewBefore, issuance, skew }),
        issuerDuration: spelled(duration),
        issuerRenewBefore: spelled(renewBefore),
        issuanceLifetime: spelled(issuance),
        clockSkewAllowance: spelled(skew),
      }),
    );
  fc.assert(
    fc.property(lifetimes, ({ numbers: { duration, renewBefore, issuance, skew }, ...texts }) => {
      const sound =
        duration > renewBefore &&
        renewBefore > issuance + skew &&
        duration >= 3600 &&
        renewBefore >= 300 &&
        issuance > 0;
      assert.equal(check(texts).length === 0, sound);
    }),
    { numRuns: 1000 },
  );
});
