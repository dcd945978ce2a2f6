/**
 * The chart of Linkerd's CNI plugin: which values each of its versions takes, as upstream's chart sources have it at the
 * release tags, and which control plane it was published with.
 */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { checkIgnored, type HelmValues, type IgnoredValue } from "./values.ts";
import { isWithin, namedChart, type Version, type VersionRange } from "./version.ts";

const cniChartName = "linkerd2-cni";

/** Before it, the chart makes its namespace in any case, so that nobody else can. */
const oldest: Version = [2, 9, 0];
/** The newest version that this table was made from; a newer one may have more values. */
const newest: Version = [2026, 8, 3];

const always = [{ from: oldest }];
const before212 = [{ from: oldest, below: [2, 12, 0] }] as const;

/** Every value at the top of its `values.yaml`, and the versions that have it. */
export const cniChartValues: Readonly<Record<string, readonly VersionRange[]>> = {
  installNamespace: before212,
  namespace: before212,
  inboundProxyPort: always,
  outboundProxyPort: always,
  proxyAdminPort: [{ from: [2, 11, 0] }],
  proxyControlPort: [{ from: [2, 11, 0] }],
  proxyUID: always,
  proxyGID: [{ from: [2024, 5, 4] }],
  ignoreInboundPorts: always,
  ignoreOutboundPorts: always,
  portsToRedirect: always,
  iptablesMode: [{ from: [2024, 4, 1] }],
  disableIPv6: [{ from: [2024, 4, 1] }],
  useWaitFlag: always,
  destCNINetDir: always,
  destCNIBinDir: always,
  logLevel: always,
  cniPluginImage: [{ from: oldest, below: [30, 7, 0] }],
  cniPluginVersion: [{ from: oldest, below: [30, 7, 0] }],
  image: [{ from: [30, 7, 0] }],
  imagePullSecrets: always,
  priorityClassName: always,
  tolerations: [{ from: [2, 10, 0] }],
  nodeAffinity: [{ from: [30, 1, 0] }],
  extraInitContainers: [{ from: [2, 11, 0] }],
  enablePSP: [{ from: [2, 11, 0] }],
  privileged: [{ from: [30, 0, 4] }],
  podLabels: [{ from: [30, 4, 3] }],
  commonLabels: [{ from: [30, 4, 3] }],
  resources: [{ from: [30, 6, 0] }],
  // stable-2.14.9 has it, which was published between two edges that have it not.
  repairController: [{ from: [30, 12, 2], below: [30, 13, 0] }, { from: [30, 13, 3] }],
  revisionHistoryLimit: [{ from: [2024, 4, 5] }],
  updateStrategy: [{ from: [2025, 1, 2] }],
};

/** Values that some versions have by another name, or at another place. */
const moved: readonly IgnoredValue[] = [
  {
    rule: "chart-value",
    path: "installNamespace",
    fix: "Remove it: this program makes the namespace, and from Linkerd 2.12 on the chart does not.",
  },
  {
    rule: "chart-value",
    path: "namespace",
    fix: "Remove it, and set linkerdCniNamespace of this program instead.",
  },
  { rule: "chart-value", path: "cniPluginImage", fix: "Write it as image.name." },
  { rule: "chart-value", path: "cniPluginVersion", fix: "Write it as image.version." },
  { rule: "chart-value", path: "image", fix: "Write it as cniPluginImage and cniPluginVersion." },
];

/** The version of a chart of the CNI plugin; `undefined` where it cannot be told, or is not supported. */
export function cniChartVersion(chart: string, version: string): Version | undefined {
  const known = namedChart(chart, version);
  return known?.name === cniChartName && isWithin(known.version, { from: oldest })
    ? known.version
    : undefined;
}

/** Whether a version of the chart has a value. */
export function hasCniValue(version: Version, name: string): boolean {
  return cniChartValues[name]?.some((range) => isWithin(version, range)) ?? false;
}

/** The finding that a chart's values cannot be told. */
export function unknownCniChart(
  field: string,
  versionField: string,
  chart: string,
  version: string,
): Finding {
  return broken("chart-family", {
    field,
    message:
      `Which values it takes cannot be told of "${chart}"` +
      `${chart.startsWith(".") ? "" : ` in version "${version}"`}: known is ${cniChartName} from ${written(oldest)} on.`,
    fix: `Name that chart and set ${versionField} to its version, or call a local archive ${cniChartName}-<version>.tgz, as helm package does.`,
  });
}

/** Refuses values of the user's that this version would ignore without a word. */
export function checkKnownToCniChart(field: string, values: HelmValues, version: Version): Finding[] {
  const mayHaveOthers = isWithin(version, { from: newest }) && written(version) !== written(newest);
  const ignored = Object.keys(values)
    .filter((name) => !hasCniValue(version, name))
    .flatMap((name): readonly IgnoredValue[] => {
      const others = moved.filter(({ path }) => path === name);
      if (others.length > 0) return others;
      const ranges = cniChartValues[name];
      if (ranges !== undefined) {
        return [
          {
            rule: "chart-value",
            path: name,
            fix: `Remove it, or install a version that has it: ${ranges.map(writtenRange).join(", or ")}.`,
          },
        ];
      }
      return mayHaveOthers
        ? []
        : [
            {
              rule: "chart-value",
              path: name,
              fix: "Remove it: no version has it. docs/versions.md lists what the chart takes.",
            },
          ];
    });
  return checkIgnored(field, values, `The chart ${cniChartName} in version ${written(version)}`, ignored);
}

/**
 * Warns of a plugin that was not published with the control plane.
 *
 * @param controlPlane name and version of its chart, as settings have them.
 */
export function checkCniRelease(
  field: string,
  version: Version,
  controlPlane: { readonly chart: string; readonly version: string },
): Finding[] {
  const other = namedChart(controlPlane.chart, controlPlane.version);
  if (other === undefined) return [];
  const [release, otherRelease] = [releaseOf(version), releaseOf(other.version)];
  if (release === otherRelease) return [];
  return [
    broken("cni-release", {
      field,
      message: `${cniChartName} ${written(version)} belongs to Linkerd ${release}, and the control plane ${written(other.version)} to Linkerd ${otherRelease}.`,
      fix: "Choose charts of one release, which are tested together: from 2024 on their versions are equal.",
    }),
  ];
}

/** The release of Linkerd that a chart was published with; of stable releases, and edges before 2024, without patch. */
function releaseOf([major, minor, patch]: Version): string {
  // Charts of the control plane and of the plugin from 2.12 on have versions of their own.
  const begins = { 1: [10, 13], 30: [4, 9] }[major];
  if (begins !== undefined) return `2.${12 + begins.filter((first) => minor >= first).length}`;
  return major < 2000 ? `${major}.${minor}` : `edge-${major - 2000}.${minor}.${patch}`;
}

/** A range of versions, for people. */
export function writtenRange({ from, below }: VersionRange): string {
  return below === undefined ? `${written(from)} on` : `${written(from)} to below ${written(below)}`;
}

const written = (version: Version) => version.join(".");
