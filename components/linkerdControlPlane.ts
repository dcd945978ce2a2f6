import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  type ChartFamily,
  checkKnownToChart,
  controlPlaneValues,
  familyOf,
  gatewayApiValues,
  hasCrdsChart,
  meshPath,
  ownedCrdsValues,
  ownedValues,
  type Surroundings,
  type TrustRoots,
  unknownFamily,
  withUserValues,
} from "../rules/charts/controlPlane.ts";
import { highAvailabilityValues } from "../rules/charts/highAvailability.ts";
import { checkValues, type HelmValues, valueAt } from "../rules/charts/values.ts";
import type { Finding } from "../rules/finding.ts";
import { checkDomain } from "../rules/names.ts";
import { broken } from "../rules/rules.ts";
import { checkChart, type HelmChart } from "./helmChart.ts";
import { checkHelm, type HelmSettings, releaseArgs } from "./helmRelease.ts";
import { defaultClockSkewAllowance, defaultIssuanceLifetime, type LeafSettings } from "./identityIssuer.ts";
import { awaitInjection, type InjectedConfiguration } from "./objects/webhookInjection.ts";
import { plain, requireSound } from "./settings.ts";
import { type InjectedWebhookValues, ownedByWebhook, type Webhook } from "./webhookCredentials.ts";

export const defaultClusterDomain = "cluster.local";
const defaultLinkerdChartRepository = "https://helm.linkerd.io/edge";
const defaultLinkerdCrdsChart = "linkerd-crds";
const defaultLinkerdCrdsChartVersion = "2026.8.3";
const defaultLinkerdControlPlaneChart = "linkerd-control-plane";
const defaultLinkerdControlPlaneChartVersion = "2026.8.3";

/** The webhooks of Linkerd's control plane. */
export const controlPlaneWebhooks = [
  {
    kind: "Mutating",
    valuesKey: "proxyInjector",
    serviceName: "linkerd-proxy-injector",
    secretName: "linkerd-proxy-injector-k8s-tls",
  },
  {
    kind: "Validating",
    valuesKey: "profileValidator",
    serviceName: "linkerd-sp-validator",
    secretName: "linkerd-sp-validator-k8s-tls",
  },
  {
    kind: "Validating",
    valuesKey: "policyValidator",
    serviceName: "linkerd-policy-validator",
    secretName: "linkerd-policy-validator-k8s-tls",
  },
] as const satisfies readonly (Webhook & Pick<InjectedConfiguration, "kind">)[];

/** How the control plane is installed. */
export interface LinkerdControlPlaneSettings extends HelmSettings, LeafSettings {
  /** DNS domain of the cluster. Defaults to `cluster.local`. */
  readonly clusterDomain?: pulumi.Input<string> | undefined;
  /** Trust domain of the mesh: the end of every identity's name. Defaults to `clusterDomain`. */
  readonly trustDomain?: pulumi.Input<string> | undefined;
  /** URL of the repository of both charts. Defaults to https://helm.linkerd.io/edge; used where a chart is a name. */
  readonly linkerdChartRepository?: pulumi.Input<string> | undefined;
  /** User name for that repository, where it is private. */
  readonly linkerdChartRepositoryUsername?: pulumi.Input<string> | undefined;
  /** Password or token for that repository, as a secret. */
  readonly linkerdChartRepositoryPassword?: pulumi.Input<string> | undefined;
  /** Chart of Linkerd's definitions: a name, a reference `oci://…`, or a relative path. Defaults to `linkerd-crds`. */
  readonly linkerdCrdsChart?: string | undefined;
  /** Exact version of that chart. Defaults to 2026.8.3; not used where the chart is a local archive. */
  readonly linkerdCrdsChartVersion?: pulumi.Input<string> | undefined;
  /** More Helm values for that chart. */
  readonly linkerdCrdsValues?: HelmValues | undefined;
  /**
   * Whether linkerd-crds installs the Gateway API's definitions, which are then that release's alone. Defaults to false:
   * they are someone else's, and Linkerd from edge-25.3 on needs them on the cluster. Its charts leave them there once they
   * are installed. Linkerd before 2.14 has none.
   */
  readonly installGatewayApi?: boolean | undefined;
  /**
   * Chart of the control plane, written in the same ways: `linkerd-control-plane`, or `linkerd2` of Linkerd 2.7–2.11,
   * which has the definitions in it. Defaults to `linkerd-control-plane`. The values follow from its name and version.
   */
  readonly linkerdControlPlaneChart?: string | undefined;
  /**
   * Whether cert-manager keeps the webhooks' credentials. Defaults to true; with false, the chart makes new self-signed
   * ones, for a year, at each of its upgrades, which restarts the control plane. Linkerd before 2.12 takes only false.
   */
  readonly rotateWebhookCredentials?: boolean | undefined;
  /** Exact version of that chart. Defaults to 2026.8.3; not used where the chart is a local archive. */
  readonly linkerdControlPlaneChartVersion?: string | undefined;
  /**
   * Whether each workload of the control plane has three replicas on three nodes, as upstream's values-ha.yaml says.
   * Defaults to false.
   */
  readonly highAvailability?: boolean | undefined;
  /**
   * More Helm values for that chart. They win over the chart's and over those of `highAvailability`, and may not touch
   * its credentials. Those that the chart would ignore are refused.
   */
  readonly linkerdControlPlaneValues?: HelmValues | undefined;
}

/** What a {@link LinkerdControlPlane} is made from. */
export interface LinkerdControlPlaneArgs extends LinkerdControlPlaneSettings {
  /** Namespace of the control plane, which carries Linkerd's labels already. */
  readonly namespace: pulumi.Input<string>;
  /**
   * The anchors that the mesh trusts: certificates in PEM, without a newline at the end; or the hash of the ConfigMap that
   * someone else keeps. A change rolls the control plane's pods; meshed pods take it when they are restarted.
   */
  readonly trustRoots: TrustRoots<pulumi.Input<string>>;
  /**
   * Whether Linkerd's CNI plugin is installed, and sets up the pods' network in place of an init container. Defaults to
   * false; pass the plugin as `dependsOn` then.
   */
  readonly cniInstalled?: boolean | undefined;
  /** Values of the webhooks whose credentials come from cert-manager; absent where the chart makes them itself. */
  readonly webhookValues?: Readonly<Record<string, InjectedWebhookValues>> | undefined;
}

/**
 * Linkerd's control plane over credentials that others provide.
 *
 * Creates two Helm releases: the custom resource definitions, and the control plane; of Linkerd before 2.12, one. The
 * Secret `linkerd-identity-issuer` must be there first: pass what fills it as `dependsOn`. The identity controller exits
 * where it finds an issuer that does not chain to the bundle.
 *
 * No private key is among the values.
 */
export class LinkerdControlPlane extends pulumi.ComponentResource {
  /** Version of the definitions' chart; absent for Linkerd before 2.12, which has none. */
  readonly crdsChartVersion: pulumi.Output<string> | undefined;
  /** Version of the control plane's chart. */
  readonly controlPlaneChartVersion: pulumi.Output<string>;

  constructor(name: string, args: LinkerdControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdControlPlane", name, {}, opts);
    const cniInstalled = args.cniInstalled ?? false;
    const externalCA = "externalSha256" in args.trustRoots;
    requireSound(checkLinkerdControlPlane(args, { externalCA, cniInstalled }));
    const family = familyOfControlPlane(args)!;
    const crds = hasCrdsChart(family)
      ? new kubernetes.helm.v3.Release(
          `${name}-crds`,
          {
            name: "linkerd-crds",
            namespace: args.namespace,
            ...releaseArgs(crdsChart(args), args),
            values: withUserValues(
              gatewayApiValues(family, args.installGatewayApi ?? false),
              args.linkerdCrdsValues ?? {},
              {},
            ),
          },
          { parent: this },
        )
      : undefined;
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: family.chart,
        namespace: args.namespace,
        ...releaseArgs(controlPlaneChart(args), args),
        values: withUserValues(
          args.highAvailability === true ? highAvailabilityValues(family) : {},
          args.linkerdControlPlaneValues ?? {},
          {
            ...controlPlaneValues(family, {
              cniInstalled,
              namespace: args.namespace,
              clusterDomain: args.clusterDomain ?? defaultClusterDomain,
              identityTrustDomain: trustDomainOf(args),
              trustRoots: args.trustRoots,
              issuanceLifetime: args.issuanceLifetime ?? defaultIssuanceLifetime,
              clockSkewAllowance: args.clockSkewAllowance ?? defaultClockSkewAllowance,
            }),
            ...args.webhookValues,
          },
        ),
      },
      pulumi.mergeOptions(
        { parent: this, ...(crds === undefined ? {} : { dependsOn: crds }) },
        opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn },
      ),
    );

    if (args.webhookValues !== undefined) {
      for (const { kind, serviceName } of controlPlaneWebhooks) {
        awaitInjection(
          `${name}-${serviceName}`,
          { kind, name: `${serviceName}-webhook-config` },
          release,
          this,
        );
      }
    }

    this.crdsChartVersion = crds?.status.version;
    this.controlPlaneChartVersion = release.status.version;
    this.registerOutputs({
      crdsChartVersion: this.crdsChartVersion,
      controlPlaneChartVersion: this.controlPlaneChartVersion,
    });
  }
}

/** The trust domain of these settings. */
export function trustDomainOf(
  settings: Pick<LinkerdControlPlaneSettings, "trustDomain" | "clusterDomain">,
): pulumi.Input<string> {
  return settings.trustDomain ?? settings.clusterDomain ?? defaultClusterDomain;
}

/** A level of Kubernetes' pod-security admission. */
export type PodSecurityLevel = "privileged" | "restricted";

/**
 * The pod-security level that meshed pods keep to, by these settings.
 *
 * Without a CNI plugin, an init container sets up each pod's network, and needs capabilities that only `privileged` allows.
 */
export function podSecurityLevelOf(
  settings: LinkerdControlPlaneSettings,
  cniInstalled: boolean,
): pulumi.Input<PodSecurityLevel> {
  const family = familyOfControlPlane(settings);
  if (family === undefined || !family.restrictedPods) return "privileged";
  const levelWith = (cniEnabled: unknown) => (cniEnabled === true ? "restricted" : "privileged");
  const enabled = cniInstalled || cniEnabledIn(settings, family);
  if (!pulumi.Output.isInstance(enabled)) return levelWith(enabled);
  // An encrypted setting; the level of a namespace can be seen by whoever sees the namespace.
  return pulumi.unsecret(enabled).apply(levelWith);
}

/** What the user's own values say of a CNI plugin. */
function cniEnabledIn(
  { linkerdControlPlaneValues }: LinkerdControlPlaneSettings,
  family: ChartFamily,
): unknown {
  return valueAt(linkerdControlPlaneValues ?? {}, meshPath(family, "cniEnabled").split("."));
}

/** Checks what is plain of the control plane's settings. */
export function checkLinkerdControlPlane(
  settings: LinkerdControlPlaneSettings,
  surroundings: Surroundings = { externalCA: false, cniInstalled: false },
): Finding[] {
  const domains = (["clusterDomain", "trustDomain"] as const).flatMap((field) => {
    const domain = plain(settings[field]);
    return domain === undefined ? [] : checkDomain(field, domain);
  });
  const credentials = {
    repository: "linkerdChartRepository",
    username: "linkerdChartRepositoryUsername",
    password: "linkerdChartRepositoryPassword",
  };
  return [
    ...domains,
    ...checkHelm(settings),
    ...checkChart(crdsChart(settings), {
      chart: "linkerdCrdsChart",
      version: "linkerdCrdsChartVersion",
      ...credentials,
    }),
    ...checkChart(controlPlaneChart(settings), {
      chart: "linkerdControlPlaneChart",
      version: "linkerdControlPlaneChartVersion",
      ...credentials,
    }),
    ...checkAgainstFamily(settings, surroundings),
  ];
}

/** Checks what the chosen chart makes of the settings. */
function checkAgainstFamily(settings: LinkerdControlPlaneSettings, surroundings: Surroundings): Finding[] {
  const { externalCA, cniInstalled } = surroundings;
  const { chart, version } = controlPlaneChart(settings);
  const family = familyOfControlPlane(settings);
  if (family === undefined) {
    return [unknownFamily("linkerdControlPlaneChart", "linkerdControlPlaneChartVersion", chart, version)];
  }
  const values = settings.linkerdControlPlaneValues ?? {};
  const findings = [
    ...checkValues("linkerdControlPlaneValues", values, [
      ...ownedValues(family, surroundings),
      ...(family.injectCaFrom && (settings.rotateWebhookCredentials ?? true)
        ? controlPlaneWebhooks.flatMap(ownedByWebhook)
        : []),
    ]),
    ...checkKnownToChart(
      "linkerdControlPlaneValues",
      values,
      family,
      cniInstalled || cniEnabledIn(settings, family) === true,
    ),
  ];
  if (!family.injectCaFrom && (settings.rotateWebhookCredentials ?? true)) {
    findings.push(
      broken("chart-feature", {
        field: "rotateWebhookCredentials",
        message: `The webhooks of Linkerd ${family.linkerd} do not take their CA from cert-manager (injectCaFrom).`,
        fix: "Set it to false, or install Linkerd 2.12 or newer.",
      }),
    );
  }
  if (externalCA && !family.externalCA) {
    findings.push(
      broken("chart-feature", {
        field: "trustAnchorSource",
        message: `The chart of Linkerd ${family.linkerd} does not know identity.externalCA: it takes no bundle from trust-manager.`,
        fix: "Set it to stack, or install Linkerd 2.11 or newer.",
      }),
    );
  }
  if (settings.installGatewayApi === true && family.gatewayApi === undefined) {
    findings.push(
      broken("chart-feature", {
        field: "installGatewayApi",
        message: `The charts of Linkerd ${family.linkerd} do not have the Gateway API's definitions, and do not need them.`,
        fix: "Set it to false, or install Linkerd 2.14 or newer.",
      }),
    );
  }
  findings.push(
    ...checkValues(
      "linkerdCrdsValues",
      settings.linkerdCrdsValues ?? {},
      ownedCrdsValues(family, settings.installGatewayApi ?? false),
    ),
  );
  if (!hasCrdsChart(family) && Object.keys(settings.linkerdCrdsValues ?? {}).length > 0) {
    findings.push(
      broken("chart-value", {
        field: "linkerdCrdsValues",
        message: `Linkerd ${family.linkerd} has no chart of definitions that could take them.`,
        fix: "Remove them.",
      }),
    );
  }
  return findings;
}

/** The family of the control plane's chart; `undefined` where it cannot be told. */
export function familyOfControlPlane(settings: LinkerdControlPlaneSettings): ChartFamily | undefined {
  const { chart, version } = controlPlaneChart(settings);
  return familyOf(chart, version);
}

function crdsChart(settings: LinkerdControlPlaneSettings): HelmChart {
  return {
    chart: settings.linkerdCrdsChart ?? defaultLinkerdCrdsChart,
    version: settings.linkerdCrdsChartVersion ?? defaultLinkerdCrdsChartVersion,
    ...repositoryOf(settings),
  };
}

/** The chart of the control plane. */
export function controlPlaneChart(
  settings: LinkerdControlPlaneSettings,
): HelmChart & { readonly version: string } {
  return {
    chart: settings.linkerdControlPlaneChart ?? defaultLinkerdControlPlaneChart,
    version: settings.linkerdControlPlaneChartVersion ?? defaultLinkerdControlPlaneChartVersion,
    ...repositoryOf(settings),
  };
}

/** The repository of all of Linkerd's charts. */
export function repositoryOf(settings: LinkerdControlPlaneSettings): Omit<HelmChart, "chart" | "version"> {
  return {
    repository: settings.linkerdChartRepository ?? defaultLinkerdChartRepository,
    username: settings.linkerdChartRepositoryUsername,
    password: settings.linkerdChartRepositoryPassword,
  };
}
