import assert from "node:assert/strict";
import { test } from "node:test";
import { forecastOf } from "../../../rules/recovery/forecast.ts";
import { hoursFromNow, now } from "../../certificates.ts";

const issuer = { state: "the issuer ends", at: hoursFromNow(40), prevention: "cert-manager" };
const leaf = { state: "a leaf ends", at: hoursFromNow(20), prevention: "its proxy" };
const anchor = { state: "the anchor ends", at: hoursFromNow(9000) };

test("the nearest is the first that nobody prevents; and what would be first if all that renews stopped is told beside it", () => {
  assert.deepEqual(forecastOf([anchor, issuer, leaf], now), { nearest: anchor, ifStopped: leaf });
});

test("an issuer that is not renewed comes before an anchor that lives for years", () => {
  const failing = { ...issuer, prevention: undefined };
  assert.equal(forecastOf([anchor, failing, leaf], now).nearest, failing);
});

test("what has been reached is no forecast", () => {
  const ended = { state: "a leaf ends", at: hoursFromNow(-1) };
  assert.deepEqual(forecastOf([ended], now), { nearest: undefined, ifStopped: undefined });
});
