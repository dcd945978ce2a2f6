import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkChart, type HelmChart } from "./helmChart.ts";
import { checkHelm, type HelmSettings, releaseArgs } from "./helmRelease.ts";
import { checkValues, type HelmValues, mergeValues, type OwnedValue } from "./helmValues.ts";
import { defaultClockSkewAllowance, defaultIssuanceLifetime, type LeafSettings } from "./identityIssuer.ts";
import type { Finding } from "./pki/finding.ts";
import { checkDomain } from "./pki/names.ts";
import { plain, requireSound } from "./settings.ts";
import type { InjectedWebhookValues, Webhook } from "./webhookCredentials.ts";
import { awaitInjection, type WebhookConfiguration } from "./webhookInjection.ts";

const defaultClusterDomain = "cluster.local";
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
] as const satisfies readonly (Webhook & Pick<WebhookConfiguration, "kind">)[];

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
  /** Chart of the control plane, written in the same ways. Defaults to `linkerd-control-plane`. */
  readonly linkerdControlPlaneChart?: string | undefined;
  /**
   * Whether cert-manager keeps the webhooks' credentials. Defaults to true; with false, the chart makes new self-signed
   * ones, for a year, at each of its upgrades, which restarts the control plane.
   */
  readonly rotateWebhookCredentials?: boolean | undefined;
  /** Exact version of that chart. Defaults to 2026.8.3; not used where the chart is a local archive. */
  readonly linkerdControlPlaneChartVersion?: pulumi.Input<string> | undefined;
  /** More Helm values for that chart. They win over the chart's, and may not touch its credentials. */
  readonly linkerdControlPlaneValues?: HelmValues | undefined;
}

/** What a {@link LinkerdControlPlane} is made from. */
export interface LinkerdControlPlaneArgs extends LinkerdControlPlaneSettings {
  /** Namespace of the control plane, which carries Linkerd's labels already. */
  readonly namespace: pulumi.Input<string>;
  /**
   * The anchors that the mesh trusts: certificates in PEM, without a newline at the end. A change rolls the control
   * plane's pods; meshed pods take it when they are restarted.
   */
  readonly trustBundlePem: pulumi.Input<string>;
  /** Values of the webhooks whose credentials come from cert-manager; absent where the chart makes them itself. */
  readonly webhookValues?: Readonly<Record<string, InjectedWebhookValues>> | undefined;
}

/**
 * Linkerd's control plane over credentials that others provide.
 *
 * Creates two Helm releases: the custom resource definitions, and the control plane. The Secret
 * `linkerd-identity-issuer` must be there first: pass what fills it as `dependsOn`. The identity controller exits where
 * it finds an issuer that does not chain to the bundle.
 *
 * No private key is among the values.
 */
export class LinkerdControlPlane extends pulumi.ComponentResource {
  /** Versions of the charts that are installed. */
  readonly crdsChartVersion: pulumi.Output<string>;
  readonly controlPlaneChartVersion: pulumi.Output<string>;

  constructor(name: string, args: LinkerdControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdControlPlane", name, {}, opts);
    requireSound(checkLinkerdControlPlane(args));
    const crds = new kubernetes.helm.v3.Release(
      `${name}-crds`,
      {
        name: "linkerd-crds",
        namespace: args.namespace,
        ...releaseArgs(crdsChart(args), args),
        values: args.linkerdCrdsValues ?? {},
      },
      { parent: this },
    );
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "linkerd-control-plane",
        namespace: args.namespace,
        ...releaseArgs(controlPlaneChart(args), args),
        values: mergeValues(args.linkerdControlPlaneValues ?? {}, {
          clusterDomain: args.clusterDomain ?? defaultClusterDomain,
          identityTrustDomain: trustDomainOf(args),
          identityTrustAnchorsPEM: args.trustBundlePem,
          ...args.webhookValues,
          identity: {
            issuer: {
              scheme: "kubernetes.io/tls",
              issuanceLifetime: args.issuanceLifetime ?? defaultIssuanceLifetime,
              clockSkewAllowance: args.clockSkewAllowance ?? defaultClockSkewAllowance,
            },
          },
        }),
      },
      pulumi.mergeOptions(
        { parent: this, dependsOn: crds },
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

    this.crdsChartVersion = crds.status.version;
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

/** Checks what is plain of the control plane's settings. */
export function checkLinkerdControlPlane(settings: LinkerdControlPlaneSettings): Finding[] {
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
    ...checkValues("linkerdControlPlaneValues", settings.linkerdControlPlaneValues ?? {}, [
      { path: "clusterDomain", fix: "Remove it, and set clusterDomain of this program instead." },
      { path: "identityTrustDomain", fix: "Remove it, and set trustDomain of this program instead." },
      {
        path: "identityTrustAnchorsPEM",
        fix: "Remove it: the bundle is made of the anchors in trustAnchorGenerations.",
      },
      {
        path: "identity.externalCA",
        value: false,
        fix: "Remove it: with an external CA the chart would not hand the bundle to the mesh.",
      },
      {
        path: "identity.issuer.scheme",
        value: "kubernetes.io/tls",
        fix: "Remove it: cert-manager writes the issuer's Secret in this scheme.",
      },
      {
        path: "identity.issuer.tls",
        fix: "Remove it: cert-manager makes the issuer's key, and no key belongs into Helm values.",
      },
      {
        path: "identity.issuer.issuanceLifetime",
        fix: "Remove it, and set issuanceLifetime of this program instead, where it is checked with the other lifetimes.",
      },
      {
        path: "identity.issuer.clockSkewAllowance",
        fix: "Remove it, and set clockSkewAllowance of this program instead, where it is checked with the lifetimes.",
      },
      ...((settings.rotateWebhookCredentials ?? true) ? controlPlaneWebhooks.flatMap(ownedByWebhook) : []),
    ]),
  ];
}

/** The values by which one webhook's credentials would come from elsewhere. */
function ownedByWebhook({ valuesKey }: Webhook): OwnedValue[] {
  const fix =
    "Remove it: cert-manager keeps this webhook's credentials. Or set rotateWebhookCredentials to false.";
  return [
    { path: `${valuesKey}.externalSecret`, value: true, fix },
    ...["injectCaFrom", "injectCaFromSecret", "caBundle", "crtPEM", "keyPEM"].map((key) => ({
      path: `${valuesKey}.${key}`,
      fix,
    })),
  ];
}

function crdsChart(settings: LinkerdControlPlaneSettings): HelmChart {
  return {
    chart: settings.linkerdCrdsChart ?? defaultLinkerdCrdsChart,
    version: settings.linkerdCrdsChartVersion ?? defaultLinkerdCrdsChartVersion,
    ...repositoryOf(settings),
  };
}

function controlPlaneChart(settings: LinkerdControlPlaneSettings): HelmChart {
  return {
    chart: settings.linkerdControlPlaneChart ?? defaultLinkerdControlPlaneChart,
    version: settings.linkerdControlPlaneChartVersion ?? defaultLinkerdControlPlaneChartVersion,
    ...repositoryOf(settings),
  };
}

function repositoryOf(settings: LinkerdControlPlaneSettings): Omit<HelmChart, "chart" | "version"> {
  return {
    repository: settings.linkerdChartRepository ?? defaultLinkerdChartRepository,
    username: settings.linkerdChartRepositoryUsername,
    password: settings.linkerdChartRepositoryPassword,
  };
}
