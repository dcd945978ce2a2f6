/** Settings of Linkerd's CNI plugin, by themselves and against the control plane's. */
import type { SemVer } from "semver";
import { cniChartName, hasCniValue, supportedCniCharts } from "../charts/cni.ts";
import { checkIgnored, checkOwned, type HelmValues, valueAt } from "../charts/values.ts";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { checkChart, checkRelease, unknownChart } from "./charts.ts";
import { formerNamespaceValues, namespaceValues } from "./namespaces.ts";
import type { Settings } from "./settings.ts";

const field = "cni.values";

export function* checkCni({ cni, controlPlane }: Settings): Iterable<Finding> {
  const chart = [...checkChart("cni", cni, "controlPlane")];
  yield* chart;
  if (chart.length > 0) return;
  if (cni.version === undefined) {
    yield unknownChart(
      "cni",
      cni,
      `${cniChartName} ${supportedCniCharts}`,
      `Name that chart and set cni.chartVersion to its version, or call a local archive ${cniChartName}-<version>.tgz, as helm package does.`,
    );
    return;
  }
  if (hasCniValue(cni.version, "namespace")) {
    yield* checkOwned(field, cni.values, namespaceValues("cni.namespace"));
  }
  yield* checkMoved(cni.values, cni.version);
  yield* checkProxyValues(cni.values, cni.version, controlPlane.values);
  yield* checkRelease("cni", cni, controlPlane);
}

/** Values that some versions have by a different name, or in a different place. */
const moved: Readonly<Record<string, string>> = {
  ...formerNamespaceValues("cni.namespace"),
  cniPluginImage: "Write it as image.name.",
  cniPluginVersion: "Write it as image.version.",
  image: "Write it as cniPluginImage and cniPluginVersion.",
};

/** Refuses values that this version of the chart has elsewhere. */
function* checkMoved(values: HelmValues, version: SemVer): Iterable<Finding> {
  const chart = `The chart ${cniChartName} in version ${version}`;
  const elsewhere = Object.entries(moved).filter(([name]) => !hasCniValue(version, name));
  yield* checkIgnored("chart-value", field, values, chart, Object.fromEntries(elsewhere));
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
function* checkProxyValues(
  values: HelmValues,
  version: SemVer,
  controlPlaneValues: HelmValues,
): Iterable<Finding> {
  for (const [name, { path, standard }] of Object.entries(ofProxies)) {
    const given = values[name];
    const proxies = valueAt(controlPlaneValues, path) ?? standard;
    if (!isScalar(given) || !isScalar(proxies) || !hasCniValue(version, name)) continue;
    if (String(given) === String(proxies)) continue;
    yield broken("cni-proxy", {
      field: `${field}.${name}`,
      message: `This is ${given}, but the proxies have ${proxies} (controlPlane.values.${path}): the plugin would send traffic past them.`,
      fix: "Remove it: what is set for the control plane is handed to the plugin.",
    });
  }
}

const isScalar = (value: unknown): value is string | number | boolean =>
  ["string", "number", "boolean"].includes(typeof value);
