/** Names and versions of charts, as settings have them. */
import semver, { type SemVer } from "semver";

/** A chart that its name and version identify. */
export interface NamedChart {
  readonly name: string;
  /** Major, minor and patch: what follows them, such as `-edge`, does not count. */
  readonly version: SemVer;
}

/**
 * Reads a chart's name and version.
 *
 * @param chart as a setting has it: a name, a reference `oci://…`, or the path of an archive `<name>-<version>.tgz`,
 *   whose own version counts.
 * @returns `undefined` if they cannot be told.
 */
export function namedChart(chart: string, version: string): NamedChart | undefined {
  const file = chart.slice(chart.lastIndexOf("/") + 1);
  if (!chart.startsWith("./") && !chart.startsWith("../")) return named(file, version);
  const archive = /^(?<name>.+?)-(?<version>v?\d+\.\d+\.\d+.*)\.tgz$/.exec(file)?.groups;
  return archive && named(archive.name!, archive.version!);
}

function named(name: string, version: string): NamedChart | undefined {
  const parsed = semver.parse(/^v?\d+\.\d+\.\d+(?![\d.])/.exec(version)?.[0], { loose: true });
  if (parsed === null) return undefined;
  const { major, minor, patch } = parsed;
  return { name, version: new semver.SemVer(`${major}.${minor}.${patch}`) };
}

/** Whether a version lies in a range such as `>=2.10.0 <2.11.0`. */
export function isWithin(version: SemVer, range: string): boolean {
  return semver.satisfies(version, range);
}
