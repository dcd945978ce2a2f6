/** Merging a user's Helm values with those that a component owns. */
import * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";

/** Values for a chart, nested as in `values.yaml`; any leaf may be an Output. */
export interface HelmValues {
  readonly [key: string]: unknown;
}

/** A value that is not the user's to set, since something else depends on what it is. */
export interface OwnedValue {
  /** Path in the values, with dots. */
  readonly path: string;
  /** What it always is; the user may repeat it. Absent: it has no fixed value. */
  readonly value?: string | boolean;
  /** Why, and what to do instead. */
  readonly fix: string;
}

/** A value that a chart does not have, though another one or another version does; and the rule that it breaks. */
export interface IgnoredValue {
  readonly rule: "chart-value" | "chart-feature";
  /** Path in the values, with dots. */
  readonly path: string;
  /** What to do instead. */
  readonly fix: string;
}

/** Merges nested values; where both have a leaf, the one of `over` stays. Lists are leaves. */
export function mergeValues(under: HelmValues, over: HelmValues): HelmValues {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const other = merged[key];
    merged[key] = isNested(value) && isNested(other) ? mergeValues(other, value) : value;
  }
  return merged;
}

/** Refuses values of the user that differ from what the component owns, each by its path. */
export function checkValues(field: string, values: HelmValues, owned: readonly OwnedValue[]): Finding[] {
  return owned.flatMap(({ path, value, fix }) => {
    const given = valueAt(values, path.split("."));
    if (given === undefined || given === value) return [];
    const rule = value === undefined ? "is not set here" : `is always ${JSON.stringify(value)} here`;
    return broken("owned-value", { field: `${field}.${path}`, message: `This value ${rule}.`, fix });
  });
}

/**
 * Refuses values of the user that the chart would ignore without a word, each by its path.
 *
 * @param chart what ignores them, as the subject of a sentence.
 */
export function checkIgnored(
  field: string,
  values: HelmValues,
  chart: string,
  ignored: readonly IgnoredValue[],
): Finding[] {
  return ignored
    .filter(({ path }) => valueAt(values, path.split(".")) !== undefined)
    .map(({ rule, path, fix }) =>
      broken(rule, {
        field: `${field}.${path}`,
        message: `${chart} ${
          rule === "chart-value" ? "" : "does not have this feature, and "
        }ignores this value in silence.`,
        fix,
      }),
    );
}

/** The value at a path; `undefined` where there is none. */
export function valueAt(values: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return values;
  return isNested(values) ? valueAt(values[key], rest) : undefined;
}

function isNested(value: unknown): value is HelmValues {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !pulumi.Output.isInstance(value)
  );
}
