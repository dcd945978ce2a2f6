/** Names and versions of charts, as settings have them. */
import semver, { type SemVer } from "semver";

interface NamedChart {
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
  if (!chart.startsWith("./") && !chart.startsWith("../")) return named(file, version);
  const archive = /^(?<name>.+?)-(?<version>v?\d+\.\d+\.\d+.*)\.tgz$/.exec(file)?.groups;
  return archive && named(archive.name!, archive.version!);
}

/** What follows major, minor and patch, such as `-edge`, does not count. */
function named(name: string, version: string): NamedChart | undefined {
  const parsed = semver.parse(/^v?\d+\.\d+\.\d+(?![\d.])/.exec(version)?.[0], { loose: true });
  return parsed === null ? undefined : { name, version: parsed };
}
