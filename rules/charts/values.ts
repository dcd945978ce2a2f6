/** A user's Helm values: merging them with those that this program owns, and refusing what would have no effect. */
import type { Finding } from "../finding.ts";
import { isPlainObject } from "../known.ts";
import { broken } from "../rules.ts";

/** Values for a chart, nested as in `values.yaml`. Any leaf may be an Output of Pulumi's. */
export interface HelmValues {
  readonly [key: string]: unknown;
}

/** A value that is not the user's to set, because something else depends on it. */
export interface OwnedValue {
  /** Path in the values, with dots. */
  readonly path: string;
  /** What it always is; the user may repeat it. Absent: it has no fixed value. */
  readonly value?: string | boolean;
  /** Why, and what to do instead. */
  readonly fix: string;
}

/** Merges nested values; of two leaves at one path, the one of `over` stays. Lists and Outputs are leaves. */
export function mergeValues(under: HelmValues, over: HelmValues): HelmValues {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const other = merged[key];
    merged[key] = isPlainObject(value) && isPlainObject(other) ? mergeValues(other, value) : value;
  }
  return merged;
}

/** Refuses values of the user that differ from what this program owns, each by its path. */
export function checkOwned(field: string, values: HelmValues, owned: readonly OwnedValue[]): Finding[] {
  return owned.flatMap(({ path, value, fix }) => {
    const given = valueAt(values, path);
    if (given === undefined || given === value) return [];
    return broken("owned-value", {
      field: `${field}.${path}`,
      message:
        value === undefined
          ? "This value may not be set."
          : `This program sets this value to ${JSON.stringify(value)}; it cannot be changed here.`,
      fix,
    });
  });
}

/**
 * Refuses values of the user that the chart would ignore without a word, though a different chart or version has them.
 *
 * @param chart what ignores them, as the subject of a sentence.
 * @param fixes what to do instead of setting the value at each path, with dots.
 */
export function* checkIgnored(
  rule: "chart-value" | "chart-feature",
  field: string,
  values: HelmValues,
  chart: string,
  fixes: Readonly<Record<string, string>>,
): Iterable<Finding> {
  for (const [path, fix] of Object.entries(fixes)) {
    if (valueAt(values, path) === undefined) continue;
    yield broken(rule, {
      field: `${field}.${path}`,
      message: `${chart} ${rule === "chart-value" ? "" : "does not have this feature, and "}silently ignores this value.`,
      fix,
    });
  }
}

/** The value at a path with dots; `undefined` if there is none. */
export function valueAt(values: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (inner, key) => (isPlainObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined),
      values,
    );
}
