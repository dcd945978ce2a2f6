import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  checkIgnored,
  checkValues,
  type HelmValues,
  type IgnoredValue,
  mergeValues,
} from "../rules/charts/values.ts";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import { checkChart, type HelmChart } from "./helmChart.ts";
import { type HelmSettings, releaseArgs } from "./helmRelease.ts";
import {
  defaultClusterDomain,
  familyOfControlPlane,
  type LinkerdControlPlaneSettings,
  type PodSecurityLevel,
  repositoryOf,
  trustDomainOf,
} from "./linkerdControlPlane.ts";
import { awaitInjection, type InjectedConfiguration } from "./objects/webhookInjection.ts";
import {
  ownedByWebhook,
  type Webhook,
  WebhookCredentials,
  type WebhookCredentialsSettings,
} from "./webhookCredentials.ts";

export const defaultLinkerdVizNamespace = "linkerd-viz";
const defaultLinkerdVizChart = "linkerd-viz";
const defaultLinkerdVizChartVersion = "2026.8.3";

/** The servers of the viz extension that the API server calls. */
export const vizWebhooks = [
  {
    injected: { kind: "APIService", name: "v1alpha1.tap.linkerd.io" },
    valuesKey: "tap",
    serviceName: "tap",
    secretName: "tap-k8s-tls",
  },
  {
    injected: { kind: "Mutating", name: "linkerd-tap-injector-webhook-config" },
    valuesKey: "tapInjector",
    serviceName: "tap-injector",
    secretName: "tap-injector-k8s-tls",
  },
] as const satisfies readonly (Webhook & { readonly injected: InjectedConfiguration })[];

/** How the viz extension is installed. */
export interface LinkerdVizSettings {
  /** Whether to install the viz extension: metrics, tap and a dashboard. Defaults to false; needs Linkerd 2.12 or newer. */
  readonly installLinkerdViz?: boolean | undefined;
  /** Namespace of the extension, which is created. Defaults to `linkerd-viz`. */
  readonly linkerdVizNamespace?: pulumi.Input<string> | undefined;
  /**
   * Its chart: a name to look up in `linkerdChartRepository`, a reference `oci://…`, or a relative path. Defaults to
   * `linkerd-viz`.
   */
  readonly linkerdVizChart?: string | undefined;
  /** Exact version of that chart. Defaults to 2026.8.3; not used where the chart is a local archive. */
  readonly linkerdVizChartVersion?: pulumi.Input<string> | undefined;
  /**
   * More Helm values for that chart. They win over the chart's, and may not touch its credentials. Those that the chart
   * would ignore are refused.
   */
  readonly linkerdVizValues?: HelmValues | undefined;
}

/** What a {@link LinkerdViz} is made from. */
export interface LinkerdVizArgs
  extends LinkerdVizSettings,
    WebhookCredentialsSettings,
    HelmSettings,
    LinkerdControlPlaneSettings {
  /** Namespace of the control plane. */
  readonly linkerdNamespace: pulumi.Input<string>;
  /** Pod-security level that is enforced in its namespace: that of the control plane's. Defaults to `privileged`. */
  readonly podSecurityLevel?: pulumi.Input<PodSecurityLevel> | undefined;
}

/**
 * Linkerd's viz extension, with webhook credentials that cert-manager renews.
 *
 * Creates its namespace, the credentials of tap and of the tap injector under a CA of their own, and the Helm release. It
 * is done when the API server can verify both. Pass the control plane as `dependsOn`: its injector meshes these pods.
 */
export class LinkerdViz extends pulumi.ComponentResource {
  constructor(name: string, args: LinkerdVizArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdViz", name, {}, opts);
    const after = {
      parent: this,
      ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }),
    };
    const namespace = new kubernetes.core.v1.Namespace(
      `${name}-namespace`,
      {
        metadata: {
          name: args.linkerdVizNamespace ?? defaultLinkerdVizNamespace,
          labels: {
            "linkerd.io/extension": "viz",
            // The chart's own Job would set the same: it looks whether the control plane has a CNI plugin.
            "pod-security.kubernetes.io/enforce": args.podSecurityLevel ?? "privileged",
          },
        },
      },
      after,
    );
    const credentials =
      (args.rotateWebhookCredentials ?? true)
        ? new WebhookCredentials(
            `${name}-webhooks`,
            { ...args, namespace: namespace.metadata.name, webhooks: vizWebhooks },
            after,
          )
        : undefined;
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "linkerd-viz",
        namespace: namespace.metadata.name,
        ...releaseArgs(vizChart(args), args),
        values: mergeValues(args.linkerdVizValues ?? {}, {
          linkerdNamespace: args.linkerdNamespace,
          clusterDomain: args.clusterDomain ?? defaultClusterDomain,
          identityTrustDomain: trustDomainOf(args),
          ...credentials?.values,
        }),
      },
      after,
    );
    if (credentials !== undefined) {
      for (const { injected, serviceName } of vizWebhooks) {
        awaitInjection(`${name}-${serviceName}`, injected, release, this);
      }
    }
    this.registerOutputs({});
  }
}

/** Checks what is plain of the extension's settings. */
export function checkLinkerdViz(settings: LinkerdVizSettings & LinkerdControlPlaneSettings): Finding[] {
  const family = familyOfControlPlane(settings);
  return [
    ...(family === undefined || family.injectCaFrom
      ? []
      : [
          broken("chart-feature", {
            field: "installLinkerdViz",
            message: `The viz extension of Linkerd ${family.linkerd} does not take its CA from cert-manager (injectCaFrom).`,
            fix: "Set it to false, or install Linkerd 2.12 or newer.",
          }),
        ]),
    ...checkChart(vizChart(settings), {
      chart: "linkerdVizChart",
      version: "linkerdVizChartVersion",
      repository: "linkerdChartRepository",
      username: "linkerdChartRepositoryUsername",
      password: "linkerdChartRepositoryPassword",
    }),
    ...checkValues("linkerdVizValues", settings.linkerdVizValues ?? {}, [
      { path: "linkerdNamespace", fix: "Remove it, and set linkerdNamespace of this program instead." },
      { path: "clusterDomain", fix: "Remove it, and set clusterDomain of this program instead." },
      { path: "identityTrustDomain", fix: "Remove it, and set trustDomain of this program instead." },
      ...((settings.rotateWebhookCredentials ?? true) ? vizWebhooks.flatMap(ownedByWebhook) : []),
    ]),
    ...checkIgnored(
      "linkerdVizValues",
      settings.linkerdVizValues ?? {},
      "The viz extension's chart",
      ignoredValues,
    ),
  ];
}

/** Values of the extension's chart before Linkerd 2.12, or of Linkerd's other charts, which this one ignores. */
const ignoredValues: readonly IgnoredValue[] = [
  {
    rule: "chart-value",
    path: "installNamespace",
    fix: "Remove it: this program makes the namespace, and from Linkerd 2.12 on the chart does not.",
  },
  {
    rule: "chart-value",
    path: "namespace",
    fix: "Remove it, and set linkerdVizNamespace of this program instead.",
  },
  {
    rule: "chart-value",
    path: "cniEnabled",
    fix: "Remove it: the namespace's pod-security level follows that of the control plane's.",
  },
  {
    rule: "chart-value",
    path: "global",
    fix: "Write what is below global without it: this chart has its values at the top.",
  },
  { rule: "chart-value", path: "imagePullPolicy", fix: "Write it as defaultImagePullPolicy." },
  {
    rule: "chart-value",
    path: "proxy",
    fix: "Write it below the workload that it is for, such as tap.proxy.",
  },
  { rule: "chart-value", path: "grafanaUrl", fix: "Write it as grafana.url." },
  ...["enabled", "image", "resources"].map(
    (name): IgnoredValue => ({
      rule: "chart-value",
      path: `grafana.${name}`,
      fix: "Remove it: from Linkerd 2.12 on, Grafana is installed apart, and found by grafana.url.",
    }),
  ),
];

function vizChart(settings: LinkerdVizSettings & LinkerdControlPlaneSettings): HelmChart {
  return {
    chart: settings.linkerdVizChart ?? defaultLinkerdVizChart,
    version: settings.linkerdVizChartVersion ?? defaultLinkerdVizChartVersion,
    ...repositoryOf(settings),
  };
}
