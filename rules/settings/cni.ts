/** Settings of Linkerd's CNI plugin, by themselves and against the control plane's. */
import {
  cniChartName,
  cniChartValues,
  hasCniValue,
  mayHaveOtherCniValues,
  releaseOf,
  supportedCniCharts,
} from "../charts/cni.ts";
import { checkIgnored, checkOwned, type HelmValues, type IgnoredValue, valueAt } from "../charts/values.ts";
import { namedChart } from "../charts/version.ts";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { checkChart } from "./charts.ts";
import type { Settings } from "./settings.ts";

const field = "cni.values";

export function checkCni(settings: Settings): Finding[] {
  const { cni } = settings;
  const chart = checkChart("cni", cni, "controlPlane");
  if (cni.version === undefined) return [...chart, unknownChart(cni)];
  return [
    ...chart,
    ...(hasCniValue(cni.version, "namespace")
      ? checkOwned(field, cni.values, [
          {
            path: "installNamespace",
            value: false,
            fix: "Remove it: this program makes the namespace, with every label, before the chart is installed.",
          },
          { path: "namespace", fix: "Remove it, and set cni.namespace of this program instead." },
        ])
      : []),
    ...checkKnownToChart(cni),
    ...checkProxyValues(settings),
    ...checkRelease(settings),
  ];
}

function unknownChart({ chart, chartVersion }: Settings["cni"]): Finding {
  return broken("chart-family", {
    field: "cni.chart",
    message:
      `Unknown chart "${chart}"${chart.startsWith(".") ? "" : ` in version "${chartVersion}"`}. ` +
      `Supported: ${cniChartName} ${supportedCniCharts}.`,
    fix: `Name that chart and set cni.chartVersion to its version, or call a local archive ${cniChartName}-<version>.tgz, as helm package does.`,
  });
}

/** Values that some versions have by a different name, or in a different place. */
const moved: Readonly<Record<string, string>> = {
  installNamespace:
    "Remove it: this program makes the namespace, and from Linkerd 2.12 on the chart does not.",
  namespace: "Remove it, and set cni.namespace of this program instead.",
  cniPluginImage: "Write it as image.name.",
  cniPluginVersion: "Write it as image.version.",
  image: "Write it as cniPluginImage and cniPluginVersion.",
};

function checkKnownToChart({ values, version }: Settings["cni"]): Finding[] {
  const ignored = Object.keys(values)
    .filter((name) => !hasCniValue(version!, name))
    .flatMap((path): IgnoredValue[] => {
      const versions = Object.hasOwn(cniChartValues, path) ? cniChartValues[path] : undefined;
      if (versions === undefined && mayHaveOtherCniValues(version!)) return [];
      const fix =
        versions === undefined
          ? "Remove it: no version has it. docs/versions.md lists what the chart takes."
          : (moved[path] ?? `Remove it, or install a version that has it: ${versions}.`);
      return [{ rule: "chart-value", path, fix }];
    });
  return checkIgnored(field, values, `The chart ${cniChartName} in version ${version}`, ignored);
}

/** What the plugin must know of the proxies: where the control plane's values have it, and what both charts default to. */
const ofProxies = {
  inboundProxyPort: { path: "proxy.ports.inbound", standard: 4143 },
  outboundProxyPort: { path: "proxy.ports.outbound", standard: 4140 },
  proxyAdminPort: { path: "proxy.ports.admin", standard: 4191 },
  proxyControlPort: { path: "proxy.ports.control", standard: 4190 },
  proxyUID: { path: "proxy.uid", standard: 2102 },
  proxyGID: { path: "proxy.gid", standard: undefined },
  disableIPv6: { path: "disableIPv6", standard: undefined },
} as const;

/** What the user's values for the control plane say of the proxies, as far as this version of the plugin takes it. */
export function proxyValues({ cni, controlPlane }: Pick<Settings, "cni" | "controlPlane">): HelmValues {
  return Object.fromEntries(
    Object.entries(ofProxies)
      .map(([name, { path }]) => [name, valueAt(controlPlane.values, path)] as const)
      .filter(([name, value]) => value !== undefined && hasCniValue(cni.version!, name)),
  );
}

/** Refuses values that would make the plugin send traffic past the proxies. */
function checkProxyValues({ cni, controlPlane }: Settings): Finding[] {
  return Object.entries(ofProxies).flatMap(([name, { path, standard }]) => {
    const given = cni.values[name];
    const proxies = valueAt(controlPlane.values, path) ?? standard;
    if (!isScalar(given) || !isScalar(proxies) || !hasCniValue(cni.version!, name)) return [];
    if (String(given) === String(proxies)) return [];
    return broken("cni-proxy", {
      field: `${field}.${name}`,
      message: `This is ${given}, but the proxies have ${proxies} (controlPlane.values.${path}): the plugin would send traffic past them.`,
      fix: "Remove it: what is set for the control plane is handed to the plugin.",
    });
  });
}

const isScalar = (value: unknown): value is string | number | boolean =>
  ["string", "number", "boolean"].includes(typeof value);

/** Warns of a plugin that was not published with the control plane. */
function checkRelease({ cni, controlPlane }: Settings): Finding[] {
  const other = namedChart(controlPlane.chart, controlPlane.chartVersion);
  if (other === undefined) return [];
  const [release, otherRelease] = [releaseOf(cni.version!), releaseOf(other.version)];
  if (release === otherRelease) return [];
  return [
    broken("cni-release", {
      field: "cni.chartVersion",
      message: `${cniChartName} ${cni.version} belongs to Linkerd ${release}, and the control plane ${other.version} to Linkerd ${otherRelease}.`,
    }),
  ];
}
