import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkValues, type HelmValues, mergeValues } from "../rules/charts/values.ts";
import type { Finding } from "../rules/finding.ts";
import { checkNamespaceName } from "../rules/names.ts";
import { checkChart, type HelmChart } from "./helmChart.ts";
import { checkHelm, type HelmSettings, releaseArgs } from "./helmRelease.ts";
import { plain, requireSound } from "./settings.ts";

export const defaultCertManagerNamespace = "cert-manager";
const defaultCertManagerChart = "cert-manager";
const defaultCertManagerChartVersion = "v1.21.2";
const defaultCertManagerChartRepository = "https://charts.jetstack.io";

/** What cert-manager and trust-manager have in common. */
export interface CertManagerSettings {
  /** Namespace of cert-manager, which is created with it. Defaults to `cert-manager`. */
  readonly certManagerNamespace?: pulumi.Input<string> | undefined;
  /**
   * Whether the custom resource definitions survive the removal of what they belong to. Defaults to false.
   *
   * Without them, every Certificate, Issuer and Bundle of the whole cluster is deleted, whoever made it.
   */
  readonly keepCertManagerCrds?: pulumi.Input<boolean> | undefined;
  /** URL of the charts' repository. Defaults to https://charts.jetstack.io; used where a chart is a name. */
  readonly certManagerChartRepository?: pulumi.Input<string> | undefined;
  /** User name for that repository, where it is private. */
  readonly certManagerChartRepositoryUsername?: pulumi.Input<string> | undefined;
  /** Password or token for that repository, as a secret. */
  readonly certManagerChartRepositoryPassword?: pulumi.Input<string> | undefined;
}

/** What a {@link CertManager} is made from. */
export interface CertManagerArgs extends CertManagerSettings, HelmSettings {
  /** The chart: a name, a reference `oci://…`, or a relative path. Defaults to `cert-manager`. */
  readonly certManagerChart?: string | undefined;
  /** Exact version of the chart. Defaults to v1.21.2; not used where the chart is a local archive. */
  readonly certManagerChartVersion?: pulumi.Input<string> | undefined;
  /** More Helm values. They win over the chart's; `crds` and `startupapicheck.enabled` are not theirs to change. */
  readonly certManagerValues?: HelmValues | undefined;
}

/**
 * cert-manager, ready to issue.
 *
 * Creates its namespace and a Helm release with the custom resource definitions. The release is done only when
 * cert-manager's startup check has passed, which creates a Certificate as a trial: the webhook answers, so whatever
 * depends on this component never meets one that is not there yet.
 *
 * The namespace is made here, not by Helm, which would leave it behind with the webhook's CA and the Leases.
 */
export class CertManager extends pulumi.ComponentResource {
  /** Version of the chart that is installed. */
  readonly chartVersion: pulumi.Output<string>;

  constructor(name: string, args: CertManagerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:CertManager", name, {}, opts);
    requireSound(checkCertManager(args));
    const child = { parent: this };

    const namespace = new kubernetes.core.v1.Namespace(
      `${name}-namespace`,
      { metadata: { name: args.certManagerNamespace ?? defaultCertManagerNamespace } },
      child,
    );
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "cert-manager",
        namespace: namespace.metadata.name,
        ...releaseArgs(chartOf(args), args),
        values: mergeValues(
          // The chart's own choice is kube-system, where the Leases outlive cert-manager.
          mergeValues(
            { global: { leaderElection: { namespace: namespace.metadata.name } } },
            args.certManagerValues ?? {},
          ),
          {
            crds: { enabled: true, keep: args.keepCertManagerCrds ?? false },
            startupapicheck: { enabled: true },
          },
        ),
      },
      child,
    );

    this.chartVersion = release.status.version;
    this.registerOutputs({ chartVersion: this.chartVersion });
  }
}

/** Checks what is plain of cert-manager's settings. */
export function checkCertManager(args: CertManagerArgs): Finding[] {
  const namespace = plain(args.certManagerNamespace);
  return [
    ...(namespace === undefined ? [] : checkNamespaceName("certManagerNamespace", namespace)),
    ...checkHelm(args),
    ...checkChart(chartOf(args), {
      chart: "certManagerChart",
      version: "certManagerChartVersion",
      repository: "certManagerChartRepository",
      username: "certManagerChartRepositoryUsername",
      password: "certManagerChartRepositoryPassword",
    }),
    ...checkValues("certManagerValues", args.certManagerValues ?? {}, [
      {
        path: "crds.enabled",
        value: true,
        fix: "Remove it: without the definitions there are no Certificates.",
      },
      { path: "crds.keep", fix: "Remove it, and set keepCertManagerCrds instead." },
      {
        path: "startupapicheck.enabled",
        value: true,
        fix: "Remove it: this check is how the installation knows that cert-manager's webhook answers.",
      },
    ]),
  ];
}

function chartOf(args: CertManagerArgs): HelmChart {
  return {
    chart: args.certManagerChart ?? defaultCertManagerChart,
    version: args.certManagerChartVersion ?? defaultCertManagerChartVersion,
    ...certManagerRepositoryOf(args),
  };
}

/** The repository of cert-manager's and trust-manager's charts. */
export function certManagerRepositoryOf(
  settings: CertManagerSettings,
): Pick<HelmChart, "repository" | "username" | "password"> {
  return {
    repository: settings.certManagerChartRepository ?? defaultCertManagerChartRepository,
    username: settings.certManagerChartRepositoryUsername,
    password: settings.certManagerChartRepositoryPassword,
  };
}
