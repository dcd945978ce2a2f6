/** A stack's file as Pulumi reads it, by Go's `yaml.v3`: numbers are those of YAML 1.1 and 1.2 alike, and words those of 1.2. */
import { parseDocument, type Scalar, visit } from "yaml";

/**
 * What a file's `config` sets; `undefined` where the file has no such map. A whole number that JavaScript would round is a
 * bigint.
 *
 * @throws Error where it is not YAML, or has a number in it that JSON cannot hold.
 */
export function readStackYaml(text: string): Readonly<Record<string, unknown>> | undefined {
  // Every value is a text at first.
  const document = parseDocument(text, { schema: "failsafe", merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  visit(document, {
    Scalar: (_, node) => {
      node.value = resolve(node);
    },
  });
  const content: unknown = document.toJS();
  const set = isMap(content) ? (content.config ?? {}) : undefined;
  return isMap(set) ? set : undefined;
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const words: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...["true", "True", "TRUE"].map((word) => [word, true] as const),
  ...["false", "False", "FALSE"].map((word) => [word, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
]);
/** A sign, and digits by what stands before them; a zero is enough for octal ones. */
const wholeNumber = /^([-+]?)(?:0[xX]([\da-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9]\d*))$/;
const decimalNumber = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
/** Go's whole numbers; what is beyond is a decimal number to it, and rounded. */
const [least, most] = [-(2n ** 63n), 2n ** 64n - 1n];

/** The value of a text; only one without quotes can be anything else. */
function resolve({ value, type, tag }: Scalar): unknown {
  const text = String(value);
  if (type !== "PLAIN" || tag === "tag:yaml.org,2002:str") return text;
  if (words.has(text)) return words.get(text);
  const time = readTime(text);
  if (time !== undefined) return time;
  const plain = /^[-+.\d]/.test(text) ? text.replaceAll("_", "") : text;
  const [, sign, hexadecimal, binary, octal, decimal] = wholeNumber.exec(plain) ?? [];
  if (sign !== undefined) {
    const digits = hexadecimal ? `0x${hexadecimal}` : binary ? `0b${binary}` : octal ? `0o${octal}` : decimal;
    const whole = sign === "-" ? -BigInt(digits!) : BigInt(digits!);
    const isExact = whole >= least && whole <= most;
    return isExact && !Number.isSafeInteger(Number(whole)) ? whole : Number(whole);
  }
  const number = decimalNumber.test(plain) ? Number(plain) : undefined;
  if (/^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text)) {
    throw new Error(`JSON cannot hold the number ${text}.`);
  }
  return number !== undefined && Number.isFinite(number) ? number : text;
}

const day = /^(\d{4})-(\d\d?)-(\d\d?)/.source;
const hour = /(\d\d?):(\d\d?):(\d\d?)(?:\.(\d+))?/.source;
const timePattern = new RegExp(`${day}(?:[Tt]${hour}(Z|[-+]\\d\\d:\\d\\d)| ${hour})?$`);

/** A day or a time, as Go prints it. */
function readTime(text: string): string | undefined {
  const match = timePattern.exec(text);
  if (match === null) return undefined;
  const [, year, ...rest] = match;
  const [month, dayOfMonth] = rest.slice(0, 2).map((digits) => digits!.padStart(2, "0"));
  const zone = rest[6] ?? "Z";
  const [hours, minutes, seconds] = (rest[2] === undefined ? rest.slice(7, 10) : rest.slice(2, 5)).map(
    (digits = "0") => digits.padStart(2, "0"),
  );
  const fraction = (rest[5] ?? rest[10] ?? "").replace(/0+$/, "");
  const date = `${year}-${month}-${dayOfMonth}`;
  const time = `${hours}:${minutes}:${seconds}`;
  const instant = new Date(`${date}T${time}Z`);
  // Node takes 31 February for 3 March.
  if (Number.isNaN(instant.getTime()) || !instant.toISOString().startsWith(date)) return undefined;
  const offset = zone === "Z" || zone.endsWith("00:00") ? "+0000 UTC" : `${zone} ${zone}`.replaceAll(":", "");
  return `${date} ${time}${fraction === "" ? "" : `.${fraction}`} ${offset}`;
}
