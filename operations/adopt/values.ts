/** Helm values of an installation, as a stack's settings take them. */
import type { HelmValues } from "../../rules/charts/values.ts";
import { isPlainObject } from "../../rules/known.ts";
import type { SecretSetting } from "./adoption.ts";

/** The values without those at some paths, with dots. */
export function withoutPaths(values: object, paths: readonly string[]): HelmValues {
  return paths.reduce<HelmValues>((rest, path) => without(rest, path.split(".")), values as HelmValues);
}

function without(values: HelmValues, [key, ...rest]: readonly string[]): HelmValues {
  const { [key!]: value, ...others } = values;
  if (value === undefined || rest.length === 0) return others;
  const inner = isPlainObject(value) ? without(value, rest) : value;
  return isPlainObject(inner) && Object.keys(inner).length === 0 ? others : { ...values, [key!]: inner };
}

/** Private keys among the values, which the stack keeps encrypted, apart from all others. */
export function withoutKeys(
  values: HelmValues,
  path: readonly string[] = [],
): { plain: HelmValues; keys: SecretSetting[] } {
  const keys: SecretSetting[] = [];
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const here = [...path, key];
    if (isPlainObject(value)) {
      const below = withoutKeys(value, here);
      keys.push(...below.keys);
      if (Object.keys(below.plain).length > 0 || Object.keys(value).length === 0) plain[key] = below.plain;
    } else if (typeof value === "string" && value.includes("PRIVATE KEY")) keys.push({ path: here, value });
    else plain[key] = value;
  }
  return { plain, keys };
}
