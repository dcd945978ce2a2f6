/** Names and versions of charts, as settings have them. */
import semver, { type SemVer } from "semver";

export interface NamedChart {
  readonly name: string;
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
  if (!chart.startsWith("./") && !chart.startsWith("../")) {
    return isExactVersion(version) ? named(file, version) : undefined;
  }
  const archive = /^(?<name>.+?)-(?<version>v?\d+\.\d+\.\d+.*)\.tgz$/.exec(file)?.groups;
  return archive && named(archive.name!, archive.version!);
}

/** Whether a version leaves no choice; a `v` may be in front, as some charts have it. */
export function isExactVersion(version: string): boolean {
  return version === version.trim() && semver.valid(version) !== null;
}

/** What follows major, minor and patch, such as `-edge`, does not count. */
function named(name: string, version: string): NamedChart | undefined {
  const parsed = semver.parse(/^v?\d+\.\d+\.\d+(?![\d.])/.exec(version)?.[0], { loose: true });
  return parsed === null ? undefined : { name, version: parsed };
}
