/**
 * The chart of Linkerd's CNI plugin: which values each of its versions takes, as upstream's chart sources have it at the
 * release tags.
 */
import semver, { type SemVer } from "semver";
import { namedChart } from "./version.ts";

export const cniChartName = "linkerd2-cni";
export const supportedCniCharts = ">=2.10.0";
/** The newest version that this table was made from; a newer one may have more values. */
export const newestKnownCniChart = "2026.8.3";

const always = supportedCniCharts;
const until212 = ">=2.10.0 <2.12.0";
const until2307 = ">=2.10.0 <30.7.0";

/** Every value at the top of its `values.yaml`, and the versions that have it. */
export const cniChartValues: Readonly<Record<string, string>> = {
  installNamespace: until212,
  namespace: until212,
  inboundProxyPort: always,
  outboundProxyPort: always,
  proxyAdminPort: ">=2.11.0",
  proxyControlPort: ">=2.11.0",
  proxyUID: always,
  proxyGID: ">=2024.5.4",
  ignoreInboundPorts: always,
  ignoreOutboundPorts: always,
  portsToRedirect: always,
  iptablesMode: ">=2024.4.1",
  disableIPv6: ">=2024.4.1",
  useWaitFlag: always,
  destCNINetDir: always,
  destCNIBinDir: always,
  logLevel: always,
  cniPluginImage: until2307,
  cniPluginVersion: until2307,
  image: ">=30.7.0",
  imagePullSecrets: always,
  priorityClassName: always,
  tolerations: always,
  nodeAffinity: ">=30.1.0",
  extraInitContainers: ">=2.11.0",
  enablePSP: ">=2.11.0",
  privileged: ">=30.0.4",
  podLabels: ">=30.4.3",
  commonLabels: ">=30.4.3",
  resources: ">=30.6.0",
  // stable-2.14.9 has it, which was published between two edges that do not have it.
  repairController: ">=30.12.2 <30.13.0 || >=30.13.3",
  revisionHistoryLimit: ">=2024.4.5",
  updateStrategy: ">=2025.1.2",
};

/** The version of a chart of the CNI plugin; `undefined` if it cannot be told, or is not supported. */
export function cniChartVersion(chart: string, version: string): SemVer | undefined {
  const named = namedChart(chart, version);
  return named?.name === cniChartName && semver.satisfies(named.version, supportedCniCharts)
    ? named.version
    : undefined;
}

export function hasCniValue(version: SemVer, name: string): boolean {
  return Object.hasOwn(cniChartValues, name) && semver.satisfies(version, cniChartValues[name]!);
}

/** The release of Linkerd that a chart was published with; of stable releases, and edges before 2024, without patch. */
export function releaseOf({ major, minor, patch }: SemVer): string {
  // Charts of the control plane and of the plugin from 2.12 on have versions of their own.
  const begins = { 1: [10, 13], 30: [4, 9] }[major];
  if (begins !== undefined) return `2.${12 + begins.filter((first) => minor >= first).length}`;
  return major < 2000 ? `${major}.${minor}` : `edge-${major - 2000}.${minor}.${patch}`;
}
