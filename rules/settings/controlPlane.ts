/** Settings of Linkerd's control plane and of its definitions, and what the chosen charts make of them. */
import { type ChartFamily, hasCrdsChart, supportedCharts } from "../charts/families.ts";
import { checkIgnored, checkOwned, type OwnedValue, valueAt } from "../charts/values.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { controlPlaneWebhooks, trustRootsAnnotation } from "../linkerdNames.ts";
import { checkDomain } from "../names.ts";
import { broken } from "../rules.ts";
import { checkChart, checkRelease, installedCharts, unknownChart } from "./charts.ts";
import { formerNamespaceValues, namespaceValues } from "./namespaces.ts";
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

export function* checkControlPlane(settings: Settings): Iterable<Finding> {
  const { controlPlane, crds } = settings;
  const clusterDomain = known(settings.clusterDomain);
  const trustDomain = known(settings.trustDomain);
  if (clusterDomain !== undefined) yield* checkDomain("clusterDomain", clusterDomain);
  // The trust domain follows the cluster's domain if it is not set: one mistake is one finding.
  if (trustDomain !== undefined && trustDomain !== clusterDomain) {
    yield* checkDomain("trustDomain", trustDomain);
  }
  if (installedCharts(settings).crds) yield* checkChart("crds", crds, "controlPlane");
  const chart = [...checkChart("controlPlane", controlPlane, "controlPlane")];
  yield* chart;
  if (chart.length > 0) return;
  if (controlPlane.family === undefined) {
    yield unknownChart(
      "controlPlane",
      controlPlane,
      supportedCharts,
      "Name such a chart and set controlPlane.chartVersion to its version, or call a local archive <name>-<version>.tgz, as helm package does.",
    );
  } else {
    yield* checkAgainstFamily(settings, controlPlane.family);
  }
}

function* checkAgainstFamily(settings: Settings, family: ChartFamily): Iterable<Finding> {
  const { controlPlane, crds, webhooks, trustAnchor } = settings;
  const { values } = controlPlane;
  const chart = `The chart ${family.chart} of Linkerd ${family.linkerd}`;
  yield* checkOwned(field, values, [...ownedValues(settings, family)]);
  yield* checkIgnored("chart-value", field, values, chart, ignoredValues(family));
  yield* checkIgnored("chart-feature", field, values, chart, featureValues(family));
  if (cniEnabled(settings) === true) {
    yield* checkIgnored("chart-value", field, values, `${chart} with cniEnabled`, initContainerValues);
  }
  if (!family.injectCaFrom && webhooks.rotateCredentials) {
    yield broken("chart-feature", {
      field: "webhooks.rotateCredentials",
      message: `The webhooks of Linkerd ${family.linkerd} do not take their CA from cert-manager (injectCaFrom).`,
      fix: "Set it to false, or install Linkerd 2.12 or newer.",
    });
  }
  if (trustAnchor.source === "cluster" && !family.externalCA) {
    yield broken("chart-feature", {
      field: "trustAnchor.source",
      message: `The chart of Linkerd ${family.linkerd} does not know identity.externalCA: it takes no bundle from trust-manager.`,
      fix: "Set it to stack, or install Linkerd 2.11 or newer.",
    });
  }
  if (crds.installGatewayApi && family.gatewayApi === undefined) {
    yield broken("chart-feature", {
      field: "crds.installGatewayApi",
      message: `The charts of Linkerd ${family.linkerd} do not have the Gateway API's definitions, and do not need them.`,
      fix: "Set it to false, or install Linkerd 2.14 or newer.",
    });
  }
  yield* checkOwned("crds.values", crds.values, gatewayApiSwitches(family, crds.installGatewayApi));
  if (hasCrdsChart(family)) {
    yield* checkRelease("crds", crds, controlPlane);
  } else if (Object.keys(crds.values).length > 0) {
    yield broken("chart-value", {
      field: "crds.values",
      message: `Linkerd ${family.linkerd} has no chart of definitions that could take these values.`,
      fix: "Remove them.",
    });
  }
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
function* ownedValues({ trustAnchor, cni, webhooks }: Settings, family: ChartFamily): Iterable<OwnedValue> {
  const externalCA = trustAnchor.source === "cluster";
  yield { path: "clusterDomain", fix: "Remove it, and set clusterDomain of this program instead." };
  yield { path: "identityTrustDomain", fix: "Remove it, and set trustDomain of this program instead." };
  yield {
    path: "identityTrustAnchorsPEM",
    fix: "Remove it: trustAnchor.source says where the bundle comes from.",
  };
  if (!hasCrdsChart(family)) yield* namespaceValues("controlPlane.namespace");
  if (family.externalCA) {
    yield {
      path: "identity.externalCA",
      value: externalCA,
      fix: externalCA
        ? "Remove it: the bundle is trust-manager's, and the chart would make a second one."
        : "Remove it: with an external CA the chart would not hand the bundle to the mesh.",
    };
  }
  if (cni.install) {
    yield {
      path: "cniEnabled",
      value: true,
      fix: "Remove it: the CNI plugin is installed (cni.install), and pods with linkerd-init would be refused in Linkerd's namespace.",
    };
  }
  if (externalCA) {
    yield {
      path: `podAnnotations.${trustRootsAnnotation}`,
      fix: "Remove it: this annotation makes the control plane roll with the bundle.",
    };
  }
  yield {
    path: "identity.issuer.scheme",
    value: "kubernetes.io/tls",
    fix: "Remove it: cert-manager writes the issuer's Secret in this scheme.",
  };
  yield {
    path: "identity.issuer.tls",
    fix: "Remove it: cert-manager makes the issuer's key, and no key belongs in Helm values.",
  };
  yield {
    path: "identity.issuer.issuanceLifetime",
    fix: "Remove it, and set identityIssuer.issuanceLifetime of this program instead, where it is checked with the other lifetimes.",
  };
  yield {
    path: "identity.issuer.clockSkewAllowance",
    fix: "Remove it, and set identityIssuer.clockSkewAllowance of this program instead, where it is checked with the lifetimes.",
  };
  if (family.injectCaFrom && webhooks.rotateCredentials) yield* controlPlaneWebhooks.flatMap(webhookValues);
}

/** Values that other families know, and this one ignores. */
function ignoredValues(family: ChartFamily): Readonly<Record<string, string>> {
  // Known or not: these are about an issuer that is given with its key.
  const ofGivenIssuer = "Remove it: the issuer's end is in its certificate, which cert-manager renews.";
  return {
    global: "Write what is below global without it: from Linkerd 2.10 on, it is at the top.",
    ...(hasCrdsChart(family) ? formerNamespaceValues("controlPlane.namespace") : {}),
    "identity.issuer.crtExpiry": ofGivenIssuer,
    "identity.issuer.crtExpiryAnnotation": ofGivenIssuer,
  };
}

/** Values of features that this family does not have. */
function featureValues(family: ChartFamily): Readonly<Record<string, string>> {
  const fixes: Record<string, string> = {};
  if (!family.externalCA) fixes["identity.externalCA"] = "Install Linkerd 2.11 or newer, or remove it.";
  if (family.injectCaFrom) return fixes;
  for (const { valuesKey } of controlPlaneWebhooks) {
    for (const name of ["injectCaFrom", "injectCaFromSecret"]) {
      fixes[`${valuesKey}.${name}`] = "Install Linkerd 2.12 or newer, or set caBundle.";
    }
  }
  return fixes;
}

const ofPlugin = (name: string) => `Set ${name} among the values of the CNI plugin instead (cni.values).`;

/** Values of linkerd-init, the init container that pods do not have if a CNI plugin sets up their network. */
const initContainerValues = {
  "proxyInit.ignoreInboundPorts": ofPlugin("ignoreInboundPorts"),
  "proxyInit.ignoreOutboundPorts": ofPlugin("ignoreOutboundPorts"),
  "proxyInit.iptablesMode": ofPlugin("iptablesMode"),
  "proxyInit.skipSubnets":
    "Set the annotation config.linkerd.io/skip-subnets of the pods or their namespaces instead.",
};
