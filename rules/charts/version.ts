/** Names and versions of charts, as settings have them. */

/** Major, minor and patch; what follows them, such as `-edge`, does not count. */
export type Version = readonly [number, number, number];

/** Versions of a chart from `from` on, and below `below` where there is an end. */
export interface VersionRange {
  readonly from: Version;
  readonly below?: Version | undefined;
}

/**
 * A chart's name and version; `undefined` where they cannot be told.
 *
 * @param chart as a setting has it: a name, a reference `oci://…`, or the path of an archive `<name>-<version>.tgz`,
 *   whose own version counts.
 */
export function namedChart(
  chart: string,
  version: string,
): { readonly name: string; readonly version: Version } | undefined {
  const file = chart.slice(chart.lastIndexOf("/") + 1);
  const local = chart.startsWith("./") || chart.startsWith("../");
  const archive = /^(?<name>.+?)-(?<version>v?\d+\.\d+\.\d+.*)\.tgz$/.exec(file)?.groups;
  if (local && archive === undefined) return undefined;
  const numbers = parseVersion(local ? archive!.version! : version);
  return numbers && { name: local ? archive!.name! : file, version: numbers };
}

/** Whether a version lies in a range. */
export function isWithin(version: Version, { from, below }: VersionRange): boolean {
  return compare(version, from) >= 0 && (below === undefined || compare(version, below) < 0);
}

function parseVersion(version: string): Version | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(?![\d.])/.exec(version);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

function compare(left: Version, right: Version): number {
  const different = left.findIndex((part, index) => part !== right[index]);
  return different < 0 ? 0 : left[different]! - right[different]!;
}
