/** Settings of Linkerd's control plane and of its definitions, and what the chosen charts make of them. */
import { type ChartFamily, hasCrdsChart, supportedCharts } from "../charts/families.ts";
import { checkIgnored, checkOwned, type IgnoredValue, type OwnedValue, valueAt } from "../charts/values.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { controlPlaneWebhooks, trustRootsAnnotation } from "../linkerdNames.ts";
import { checkDomain } from "../names.ts";
import { broken } from "../rules.ts";
import { checkChart } from "./charts.ts";
import type { Settings } from "./settings.ts";
import { webhookValues } from "./webhooks.ts";

const field = "controlPlane.values";

/** A level of Kubernetes' pod-security admission. */
export type PodSecurityLevel = "privileged" | "restricted";

/** What the settings say of a CNI plugin in place of an init container: of this program's, or among the user's values. */
export function cniEnabled({ cni, controlPlane }: Settings): unknown {
  return cni.install || valueAt(controlPlane.values, "cniEnabled");
}

/**
 * The pod-security level to which meshed pods keep.
 *
 * Without a CNI plugin, an init container sets up each pod's network, and needs capabilities that only `privileged` allows.
 */
export function podSecurityLevel({ restrictedPods }: ChartFamily, isCniEnabled: unknown): PodSecurityLevel {
  return restrictedPods && isCniEnabled === true ? "restricted" : "privileged";
}

export function checkControlPlane(settings: Settings): Finding[] {
  const { controlPlane, crds } = settings;
  const domains = (["clusterDomain", "trustDomain"] as const).flatMap((name) => {
    const domain = known(settings[name]);
    // The trust domain follows the cluster's domain if it is not set: one mistake is one finding.
    if (domain === undefined || (name === "trustDomain" && domain === settings.clusterDomain)) return [];
    return checkDomain(name, domain);
  });
  return [
    ...domains,
    ...checkChart("crds", crds, "controlPlane"),
    ...checkChart("controlPlane", controlPlane, "controlPlane"),
    ...(controlPlane.family === undefined
      ? [unknownChart(controlPlane)]
      : checkAgainstFamily(settings, controlPlane.family)),
  ];
}

function unknownChart({ chart, chartVersion }: Settings["controlPlane"]): Finding {
  return broken("chart-family", {
    field: "controlPlane.chart",
    message: `Unknown chart "${chart}"${chart.startsWith(".") ? "" : ` in version "${chartVersion}"`}. Supported: ${supportedCharts}.`,
    fix: "Name such a chart and set controlPlane.chartVersion to its version, or call a local archive <name>-<version>.tgz, as helm package does.",
  });
}

function checkAgainstFamily(settings: Settings, family: ChartFamily): Finding[] {
  const { controlPlane, crds, webhooks, trustAnchor } = settings;
  const ofFamily = `The chart ${family.chart} of Linkerd ${family.linkerd}`;
  const findings = [
    ...checkOwned(field, controlPlane.values, [
      ...ownedValues(settings, family),
      ...(family.injectCaFrom && webhooks.rotateCredentials
        ? controlPlaneWebhooks.flatMap(webhookValues)
        : []),
    ]),
    ...checkIgnored(field, controlPlane.values, ofFamily, ignoredValues(family)),
    ...(cniEnabled(settings) === true
      ? checkIgnored(field, controlPlane.values, `${ofFamily} with cniEnabled`, initContainerValues)
      : []),
  ];
  const lacks = (name: string, message: string, fix: string) =>
    findings.push(broken("chart-feature", { field: name, message, fix }));
  if (!family.injectCaFrom && webhooks.rotateCredentials) {
    lacks(
      "webhooks.rotateCredentials",
      `The webhooks of Linkerd ${family.linkerd} do not take their CA from cert-manager (injectCaFrom).`,
      "Set it to false, or install Linkerd 2.12 or newer.",
    );
  }
  if (trustAnchor.source === "cluster" && !family.externalCA) {
    lacks(
      "trustAnchor.source",
      `The chart of Linkerd ${family.linkerd} does not know identity.externalCA: it takes no bundle from trust-manager.`,
      "Set it to stack, or install Linkerd 2.11 or newer.",
    );
  }
  if (crds.installGatewayApi && family.gatewayApi === undefined) {
    lacks(
      "crds.installGatewayApi",
      `The charts of Linkerd ${family.linkerd} do not have the Gateway API's definitions, and do not need them.`,
      "Set it to false, or install Linkerd 2.14 or newer.",
    );
  }
  findings.push(
    ...checkOwned("crds.values", crds.values, gatewayApiSwitches(family, crds.installGatewayApi)),
  );
  if (!hasCrdsChart(family) && Object.keys(crds.values).length > 0) {
    findings.push(
      broken("chart-value", {
        field: "crds.values",
        message: `Linkerd ${family.linkerd} has no chart of definitions that could take these values.`,
        fix: "Remove them.",
      }),
    );
  }
  return findings;
}

/** Values that would give the Gateway API's definitions a second owner, or none. */
function gatewayApiSwitches({ gatewayApi }: ChartFamily, install: boolean): OwnedValue[] {
  return [...(gatewayApi?.switches ?? []), ...(gatewayApi?.olderSwitches ?? [])].map((path) => ({
    path,
    value: install,
    fix: "Remove it, and set crds.installGatewayApi instead, so that these definitions have one owner.",
  }));
}

/** Values that are this program's to set: each guards a property of the mesh, which its fix names. */
function ownedValues({ trustAnchor, cni }: Settings, family: ChartFamily): OwnedValue[] {
  const externalCA = trustAnchor.source === "cluster";
  return [
    { path: "clusterDomain", fix: "Remove it, and set clusterDomain of this program instead." },
    { path: "identityTrustDomain", fix: "Remove it, and set trustDomain of this program instead." },
    {
      path: "identityTrustAnchorsPEM",
      fix: "Remove it: trustAnchor.source says where the bundle comes from.",
    },
    ...(hasCrdsChart(family)
      ? []
      : [
          {
            path: "installNamespace",
            value: false,
            fix: "Remove it: this program makes the namespace, with every label, before the chart is installed.",
          },
          { path: "namespace", fix: "Remove it, and set controlPlane.namespace of this program instead." },
        ]),
    ...(family.externalCA
      ? [
          {
            path: "identity.externalCA",
            value: externalCA,
            fix: externalCA
              ? "Remove it: the bundle is trust-manager's, and the chart would make a second one."
              : "Remove it: with an external CA the chart would not hand the bundle to the mesh.",
          },
        ]
      : []),
    ...(cni.install
      ? [
          {
            path: "cniEnabled",
            value: true,
            fix: "Remove it: the CNI plugin is installed (cni.install), and pods with linkerd-init would be refused in Linkerd's namespace.",
          },
        ]
      : []),
    ...(externalCA
      ? [
          {
            path: `podAnnotations.${trustRootsAnnotation}`,
            fix: "Remove it: this annotation makes the control plane roll with the bundle.",
          },
        ]
      : []),
    {
      path: "identity.issuer.scheme",
      value: "kubernetes.io/tls",
      fix: "Remove it: cert-manager writes the issuer's Secret in this scheme.",
    },
    {
      path: "identity.issuer.tls",
      fix: "Remove it: cert-manager makes the issuer's key, and no key belongs in Helm values.",
    },
    {
      path: "identity.issuer.issuanceLifetime",
      fix: "Remove it, and set identityIssuer.issuanceLifetime of this program instead, where it is checked with the other lifetimes.",
    },
    {
      path: "identity.issuer.clockSkewAllowance",
      fix: "Remove it, and set identityIssuer.clockSkewAllowance of this program instead, where it is checked with the lifetimes.",
    },
  ];
}

/** Values that other families know, and this one ignores. */
function ignoredValues(family: ChartFamily): readonly IgnoredValue[] {
  const of = (rule: IgnoredValue["rule"], fix: string, ...paths: string[]) =>
    paths.map((path): IgnoredValue => ({ rule, path, fix }));
  return [
    ...of(
      "chart-value",
      "Write what is below global without it: from Linkerd 2.10 on, it is at the top.",
      "global",
    ),
    ...(hasCrdsChart(family)
      ? [
          ...of(
            "chart-value",
            "Remove it: this program makes the namespace, and from Linkerd 2.12 on the chart does not.",
            "installNamespace",
          ),
          ...of(
            "chart-value",
            "Remove it, and set controlPlane.namespace of this program instead.",
            "namespace",
          ),
        ]
      : []),
    // Known or not: it is about an issuer that is given with its key.
    ...of(
      "chart-value",
      "Remove it: the issuer's end is in its certificate, which cert-manager renews.",
      "identity.issuer.crtExpiry",
      "identity.issuer.crtExpiryAnnotation",
    ),
    ...(family.externalCA
      ? []
      : of("chart-feature", "Install Linkerd 2.11 or newer, or remove it.", "identity.externalCA")),
    ...(family.injectCaFrom
      ? []
      : of(
          "chart-feature",
          "Install Linkerd 2.12 or newer, or set caBundle.",
          ...controlPlaneWebhooks.flatMap(({ valuesKey }) => [
            `${valuesKey}.injectCaFrom`,
            `${valuesKey}.injectCaFromSecret`,
          ]),
        )),
  ];
}

/** Values of linkerd-init, the init container that pods do not have if a CNI plugin sets up their network. */
const initContainerValues: readonly IgnoredValue[] = [
  ...["ignoreInboundPorts", "ignoreOutboundPorts", "iptablesMode"].map(
    (name): IgnoredValue => ({
      rule: "chart-value",
      path: `proxyInit.${name}`,
      fix: `Set ${name} among the values of the CNI plugin instead (cni.values).`,
    }),
  ),
  {
    rule: "chart-value",
    path: "proxyInit.skipSubnets",
    fix: "Set the annotation config.linkerd.io/skip-subnets of the pods or their namespaces instead.",
  },
];
