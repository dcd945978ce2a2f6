import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  checkCniRelease,
  checkKnownToCniChart,
  cniChartVersion,
  hasCniValue,
  unknownCniChart,
} from "../rules/charts/cni.ts";
import { meshPath } from "../rules/charts/controlPlane.ts";
import { checkValues, type HelmValues, mergeValues, valueAt } from "../rules/charts/values.ts";
import type { Version } from "../rules/charts/version.ts";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import { checkChart, type HelmChart } from "./helmChart.ts";
import { checkHelm, defaultHelmTimeoutSeconds, type HelmSettings, releaseArgs } from "./helmRelease.ts";
import {
  controlPlaneChart,
  familyOfControlPlane,
  type LinkerdControlPlaneSettings,
  repositoryOf,
} from "./linkerdControlPlane.ts";
import { requireSound } from "./settings.ts";

export const defaultLinkerdCniNamespace = "linkerd-cni";
const defaultLinkerdCniChart = "linkerd2-cni";
const defaultLinkerdCniChartVersion = "2026.8.3";

/** Name of the chart's DaemonSet, in each of its versions. */
const daemonSetName = "linkerd-cni";

/** How the CNI plugin is installed. */
export interface LinkerdCniSettings {
  /**
   * Whether to install Linkerd's CNI plugin, which sets up the pods' network in place of an init container with rights of
   * its own. Defaults to false. The control plane gets `cniEnabled`, and its namespace the pod-security level `restricted`
   * from Linkerd 2.13 on. For a plugin that is someone else's, set `cniEnabled` among the control plane's values instead.
   */
  readonly installLinkerdCni?: boolean | undefined;
  /** Namespace of the plugin, which is created. Defaults to `linkerd-cni`. */
  readonly linkerdCniNamespace?: pulumi.Input<string> | undefined;
  /**
   * Its chart: a name to look up in `linkerdChartRepository`, a reference `oci://…`, or a relative path. Defaults to
   * `linkerd2-cni`. Which values it takes follows from its name and version; before 2.9.0 it is not supported.
   */
  readonly linkerdCniChart?: string | undefined;
  /** Exact version of that chart. Defaults to 2026.8.3; not used where the chart is a local archive. */
  readonly linkerdCniChartVersion?: string | undefined;
  /**
   * More Helm values for that chart. They win over the chart's. Ports and user of the proxies are those of the control
   * plane's values; others, and values that the chart would ignore, are refused.
   */
  readonly linkerdCniValues?: HelmValues | undefined;
}

/** What a {@link LinkerdCni} is made from. */
export interface LinkerdCniArgs extends LinkerdCniSettings, HelmSettings, LinkerdControlPlaneSettings {}

/**
 * Linkerd's CNI plugin, on every node.
 *
 * Creates its namespace and the Helm release, and waits until the plugin is ready on each node: Helm's own wait is content
 * while one node is missing, whose pods would come up outside of the mesh, or not at all. Pass it as `dependsOn` to the
 * control plane, so that it is there before the first pod that relies on it, and until after the last.
 */
export class LinkerdCni extends pulumi.ComponentResource {
  constructor(name: string, args: LinkerdCniArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdCni", name, {}, opts);
    requireSound(checkLinkerdCni(args));
    const child = { parent: this };
    const namespace = new kubernetes.core.v1.Namespace(
      `${name}-namespace`,
      {
        metadata: {
          name: args.linkerdCniNamespace ?? defaultLinkerdCniNamespace,
          // As the chart's own template has it, which it renders for the `linkerd` command alone.
          labels: {
            "linkerd.io/cni-resource": "true",
            "config.linkerd.io/admission-webhooks": "disabled",
            // The plugin is copied to the node's own folders.
            "pod-security.kubernetes.io/enforce": "privileged",
          },
        },
      },
      child,
    );
    const version = versionOf(args)!;
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "linkerd-cni",
        namespace: namespace.metadata.name,
        ...releaseArgs(cniChart(args), args),
        values: mergeValues(
          mergeValues(proxyValues(args, version), args.linkerdCniValues ?? {}),
          hasCniValue(version, "namespace")
            ? { namespace: namespace.metadata.name, installNamespace: false }
            : {},
        ),
      },
      child,
    );
    // It adds nothing but the wait.
    new kubernetes.apps.v1.DaemonSetPatch(
      `${name}-ready`,
      {
        metadata: {
          name: daemonSetName,
          namespace: namespace.metadata.name,
          annotations: {
            "pulumi.com/timeoutSeconds": pulumi.interpolate`${args.helmTimeoutSeconds ?? defaultHelmTimeoutSeconds}`,
          },
        },
      },
      { ...child, dependsOn: release },
    );
    this.registerOutputs({});
  }
}

/** Checks what is plain of the plugin's settings, by themselves and against the control plane's. */
export function checkLinkerdCni(settings: LinkerdCniArgs): Finding[] {
  const field = "linkerdCniValues";
  const values = settings.linkerdCniValues ?? {};
  const { chart, version: setVersion } = cniChart(settings);
  const version = versionOf(settings);
  return [
    ...checkHelm(settings),
    ...checkChart(cniChart(settings), {
      chart: "linkerdCniChart",
      version: "linkerdCniChartVersion",
      repository: "linkerdChartRepository",
      username: "linkerdChartRepositoryUsername",
      password: "linkerdChartRepositoryPassword",
    }),
    ...(version === undefined
      ? [unknownCniChart("linkerdCniChart", "linkerdCniChartVersion", chart, setVersion)]
      : [
          ...(hasCniValue(version, "namespace")
            ? checkValues(field, values, [
                {
                  path: "installNamespace",
                  value: false,
                  fix: "Remove it: this program makes the namespace, with every label, before the chart is installed.",
                },
                { path: "namespace", fix: "Remove it, and set linkerdCniNamespace of this program instead." },
              ])
            : []),
          ...checkKnownToCniChart(field, values, version),
          ...checkProxyValues(field, settings, version),
          ...checkCniRelease("linkerdCniChartVersion", version, controlPlaneChart(settings)),
        ]),
  ];
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
function proxyValues(settings: LinkerdControlPlaneSettings, version: Version): HelmValues {
  return Object.fromEntries(
    Object.entries(ofProxies)
      .map(([name, { path }]) => [name, proxyValue(settings, path)] as const)
      .filter(([name, value]) => value !== undefined && hasCniValue(version, name)),
  );
}

function proxyValue(settings: LinkerdControlPlaneSettings, path: string): unknown {
  const family = familyOfControlPlane(settings);
  return family && valueAt(settings.linkerdControlPlaneValues ?? {}, meshPath(family, path).split("."));
}

/** Refuses values by which the plugin would send traffic past the proxies. */
function checkProxyValues(field: string, settings: LinkerdCniArgs, version: Version): Finding[] {
  return Object.entries(ofProxies).flatMap(([name, { path, standard }]) => {
    const given = settings.linkerdCniValues?.[name];
    const proxies = proxyValue(settings, path) ?? standard;
    if (!isPlain(given) || !isPlain(proxies) || !hasCniValue(version, name)) return [];
    if (String(given) === String(proxies)) return [];
    return broken("cni-proxy", {
      field: `${field}.${name}`,
      message: `It is ${given}, and the proxies have ${proxies} (${path} among linkerdControlPlaneValues): the plugin would send traffic past them.`,
      fix: `Remove it: what is set for the control plane is handed to the plugin.`,
    });
  });
}

const isPlain = (value: unknown): value is string | number | boolean =>
  ["string", "number", "boolean"].includes(typeof value);

function versionOf(settings: LinkerdCniSettings & LinkerdControlPlaneSettings): Version | undefined {
  const { chart, version } = cniChart(settings);
  return cniChartVersion(chart, version);
}

function cniChart(
  settings: LinkerdCniSettings & LinkerdControlPlaneSettings,
): HelmChart & { readonly version: string } {
  return {
    chart: settings.linkerdCniChart ?? defaultLinkerdCniChart,
    version: settings.linkerdCniChartVersion ?? defaultLinkerdCniChartVersion,
    ...repositoryOf(settings),
  };
}
