/**
 * Durations as Go writes them, such as `48h` or `59m30s`: cert-manager's Certificates, Linkerd's flags and Helm values
 * all take this form, and hand it to Go's `time.ParseDuration`.
 */

const nanosecondsPerUnit: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5, micro sign
  μs: 1_000n, // U+03BC, Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Go counts nanoseconds in 64 bits: about 292 years. */
const longestNanoseconds = 2n ** 63n - 1n;

export const nanosecondsPerHour = nanosecondsPerUnit.h!;

/** How to write a duration; the fix for every text that is not one. */
export const durationSyntax =
  "Write numbers with their units, such as 48h, 59m30s or 1.5h; the units are h, m, s, ms, us and ns.";

/**
 * Whole milliseconds of a duration, in which JavaScript counts time.
 *
 * @throws RangeError as {@link parseDuration} does.
 */
export function durationMilliseconds(text: string): number {
  return Number(parseDuration(text) / nanosecondsPerUnit.ms!);
}

/**
 * Nanoseconds of a duration.
 *
 * Signs are not taken: no lifetime is negative.
 *
 * @throws RangeError with the reason, if the text is not a duration.
 */
export function parseDuration(text: string): bigint {
  if (text === "0") return 0n;
  if (text === "") throw notADuration(text, "it is empty");
  let total = 0n;
  let rest = text;
  do {
    const [part, whole = "", fraction = "", unit = ""] = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest)!;
    if (whole === "" && fraction === "") throw notADuration(text, `a number is missing before "${rest}"`);
    if (unit === "") throw notADuration(text, `the number ${part} has no unit`);
    const nanoseconds = nanosecondsPerUnit[unit];
    if (nanoseconds === undefined) throw notADuration(text, `"${unit}" is not a unit`);
    total += BigInt(whole) * nanoseconds;
    if (fraction !== "") total += (BigInt(fraction) * nanoseconds) / 10n ** BigInt(fraction.length);
    rest = rest.slice(part.length);
  } while (rest !== "");
  if (total > longestNanoseconds) throw notADuration(text, "it is longer than 292 years");
  return total;
}

/** The shortest text of a duration, such as `48h` or `59m30s`. */
export function formatDuration(nanoseconds: bigint): string {
  let rest = nanoseconds;
  const parts = ["h", "m", "s", "ns"].map((unit) => {
    const count = rest / nanosecondsPerUnit[unit]!;
    rest %= nanosecondsPerUnit[unit]!;
    return count === 0n ? "" : `${count}${unit}`;
  });
  return parts.join("") || "0s";
}

function notADuration(text: string, reason: string): RangeError {
  return new RangeError(`"${text}" is not a duration: ${reason}.`);
}
