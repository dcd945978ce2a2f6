import assert from "node:assert/strict";
import { test } from "node:test";
import { anchorWarnBefore, checkAnchorEnd, warnedFrom } from "../../../rules/lifetimes/trustAnchor.ts";
import { hoursFromNow, now } from "../../certificates.ts";

/** What is said of an anchor that lives so many hours, when so many are left. */
const rulesOf = (life: number, left: number, warnBefore = anchorWarnBefore) =>
  checkAnchorEnd(
    { field: "bundle", name: "The anchor", from: hoursFromNow(left - life), end: hoursFromNow(left) },
    now,
    warnBefore,
  ).map(({ rule, severity }) => `${severity} ${rule}`);

const early = ["warning anchor-ends"];
const soon = ["warning anchor-ends-soon"];

test("the end of an anchor is warned of from half a year before it on, and more gravely for the last 60 days", () => {
  for (const [life, left, rules] of [
    [87_600, 4380.1, []],
    [87_600, 4380, early],
    [87_600, 1440.1, early],
    [87_600, 1440, soon],
    [87_600, 82 / 3600, soon],
    [87_600, -1, []],
  ] as const) {
    assert.deepEqual(rulesOf(life, left), rules, `${left}h of ${life}h`);
  }
});

test("not in the first half of its life, until linkerd check warns of it, too", () => {
  for (const [life, left, rules] of [
    [8760, 8760, []],
    [4400, 2201, []],
    [4400, 2200, early],
    [2160, 2160, []],
    [2160, 1441, []],
    [2160, 1440, soon],
    [120, 120, soon],
  ] as const) {
    assert.deepEqual(rulesOf(life, left), rules, `${left}h of ${life}h`);
  }
});

test("earlier, later or never, where that is set", () => {
  for (const [warnBefore, left, rules] of [
    ["8760h", 8760, early],
    ["48h", 49, []],
    ["48h", 48, soon],
    ["0", 1, []],
  ] as const) {
    assert.deepEqual(rulesOf(87_600, left, warnBefore), rules, `${left}h, ${warnBefore}`);
  }
});

test("from when on an anchor is warned of is when the first warning comes", () => {
  for (const life of [100, 1440, 2000, 8760, 20_000, 87_600]) {
    const end = hoursFromNow(life);
    const left = (end.getTime() - warnedFrom(now, end).getTime()) / 3_600_000;
    assert.ok(left <= life);
    assert.notDeepEqual(rulesOf(life, left - 0.01), []);
    if (left < life) assert.deepEqual(rulesOf(life, left + 0.01), []);
  }
});
