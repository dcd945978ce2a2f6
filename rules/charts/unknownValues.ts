/** Values of the user's that a chart does not have: most charts have no schema, and Helm drops such values in silence. */
import { createRequire } from "node:module";
import { extname } from "node:path";
import semver from "semver";
import { closest } from "../closest.ts";
import type { Finding } from "../finding.ts";
import { isPlainObject } from "../known.ts";
import { broken } from "../rules.ts";
import type { knownValues } from "./knownValues.ts";
import type { HelmValues } from "./values.ts";
import { namedChart } from "./version.ts";

const require = createRequire(import.meta.url);

/**
 * Warns of each value that no version of the chart has, or that this one does not have, with the nearest that it has.
 *
 * What charts have is loaded when the user sets values. Nothing is said of a chart that is not known, or of a version
 * older than those that are. A newer one may have new values: what looks like none of the known ones passes.
 */
export function* checkUnknown(
  field: string,
  values: HelmValues,
  chart: string,
  chartVersion: string,
): Iterable<Finding> {
  const { name, version } = namedChart(chart, chartVersion) ?? {};
  if (Object.keys(values).length === 0 || name === undefined || version === undefined) return;
  const module = require(`./knownValues${extname(import.meta.filename)}`);
  const all = module.knownValues as typeof knownValues;
  const known = Object.hasOwn(all, name) ? all[name] : undefined;
  if (known === undefined || semver.lt(version, known.oldest)) return;
  const isNewer = semver.gt(version, known.newest);
  const rows = known.values
    .trim()
    .split("\n")
    .map((line) => /^(\S+) ?(.*)$/.exec(line)!.slice(1) as [string, string]);
  const leaves = rows
    .filter(([, range]) => isNewer || semver.satisfies(version, range))
    .map(([path]) => path);
  for (const path of unknownPaths(values, new Set(leaves))) {
    const near = nearest(path, leaves);
    if (isNewer && near === undefined) continue;
    const elsewhere = rows.find(([other]) => other === path || other.startsWith(`${path}.`))?.[1];
    const which = isNewer
      ? `No version of ${name} up to ${known.newest} has`
      : `${name} ${version} does not have`;
    yield broken("unknown-value", {
      field: `${field}.${path}`,
      message: `${which} this value: Helm drops it in silence, or the chart's schema refuses it.`,
      fix:
        elsewhere !== undefined
          ? `Remove it, or install a version that has it: ${elsewhere}.`
          : near && `Did you mean ${field}.${near}?`,
    });
  }
}

/** The topmost paths of values that lead to no leaf. */
function* unknownPaths(values: HelmValues, leaves: ReadonlySet<string>, above = ""): Iterable<string> {
  for (const [key, value] of Object.entries(values)) {
    const path = above + key;
    if (leaves.has(path)) continue;
    if (![...leaves].some((leaf) => leaf.startsWith(`${path}.`))) yield path;
    else if (isPlainObject(value)) yield* unknownPaths(value, leaves, `${path}.`);
  }
}

/** The path that is meant: beside it, a name that is near; or else the one place where there is one of its name. */
function nearest(path: string, leaves: readonly string[]): string | undefined {
  const above = path.slice(0, path.lastIndexOf(".") + 1);
  const name = path.slice(above.length);
  const beside = leaves
    .filter((leaf) => leaf.startsWith(above))
    .map((leaf) => leaf.slice(above.length).split(".")[0]!);
  const near = closest(name, beside);
  if (near !== undefined) return above + near;
  const [place, ...others] = leaves.filter((leaf) => leaf.endsWith(`.${name}`));
  return others.length === 0 ? place : undefined;
}
