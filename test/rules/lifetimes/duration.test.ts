import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseDuration } from "../../../rules/lifetimes/duration.ts";

const second = 1_000_000_000n;

test("durations are read as Go reads them", () => {
  for (const [text, nanoseconds] of [
    ["48h", 172_800n * second],
    ["59m30s", 3570n * second],
    ["1h30m", 5400n * second],
    ["1.5h", 5400n * second],
    [".5s", 500_000_000n],
    ["1.s", second],
    ["30m1h", 5400n * second],
    ["1s1s", 2n * second],
    ["0", 0n],
    ["0s", 0n],
    ["100ms", 100_000_000n],
    ["3us", 3000n],
    ["3µs", 3000n],
    ["3μs", 3000n],
    ["1.9ns", 1n],
    ["9223372036854775807ns", 2n ** 63n - 1n],
  ] as const) {
    assert.equal(parseDuration(text), nanoseconds, text);
  }
});

test("what is not a duration is refused with the reason", () => {
  for (const [text, reason] of [
    ["", "it is empty"],
    ["48", "the number 48 has no unit"],
    ["1h30", "the number 30 has no unit"],
    ["2d", '"d" is not a unit'],
    ["1 h", '" h" is not a unit'],
    ["48H", '"H" is not a unit'],
    ["h", 'a number is missing before "h"'],
    [".h", 'a number is missing before ".h"'],
    ["-1h", 'a number is missing before "-1h"'],
    ["1h ", '"h " is not a unit'],
    ["9223372036854775808ns", "it is longer than 292 years"],
  ] as const) {
    assert.throws(() => parseDuration(text), {
      name: "RangeError",
      message: `"${text}" is not a duration: ${reason}.`,
    });
  }
});

test("the parts of a duration add up, in any order", () => {
  const units = { h: 3600n * second, m: 60n * second, s: second, ms: 1_000_000n, us: 1000n, ns: 1n };
  const part = fc.record({
    count: fc.nat(1000),
    unit: fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])),
  });
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
      const text = parts.map(({ count, unit }) => `${count}${unit}`).join("");
      const sum = parts.reduce((total, { count, unit }) => total + BigInt(count) * units[unit], 0n);
      assert.equal(parseDuration(text), sum);
    }),
  );
});

test("no text does anything but parse or fail with a reason", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.hmsnuµ ]{0,12}$/));
  fc.assert(
    fc.property(text, (candidate) => {
      try {
        assert.ok(parseDuration(candidate) >= 0n);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});
