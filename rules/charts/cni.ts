/**
 * The chart of Linkerd's CNI plugin: which values each of its versions takes, as upstream's chart sources have it at the
 * release tags.
 */
import semver, { type SemVer } from "semver";
import { namedChart } from "./version.ts";

export const cniChartName = "linkerd2-cni";
export const supportedCniCharts = ">=2.10.0";

/** Values that this program sets, or that have moved, and the versions that have them. */
export const cniChartValues: Readonly<Record<string, string>> = {
  installNamespace: "<30.0.0",
  namespace: "<30.0.0",
  proxyAdminPort: ">=2.11.0",
  proxyControlPort: ">=2.11.0",
  proxyGID: ">=2024.5.4",
  disableIPv6: ">=2024.4.1",
  cniPluginImage: "<30.3.7 || >=30.4.0 <30.7.0",
  cniPluginVersion: "<30.3.7 || >=30.4.0 <30.7.0",
  image: ">=30.3.7 <30.4.0 || >=30.7.0",
};

/** The version of a chart of the CNI plugin; `undefined` if it cannot be told, or is not supported. */
export function cniChartVersion(chart: string, version: string): SemVer | undefined {
  const named = namedChart(chart, version);
  return named?.name === cniChartName && semver.satisfies(named.version, supportedCniCharts)
    ? named.version
    : undefined;
}

/** Whether a version has a value; one that is not listed is in all. */
export function hasCniValue(version: SemVer, name: string): boolean {
  return semver.satisfies(version, cniChartValues[name] ?? "*");
}
