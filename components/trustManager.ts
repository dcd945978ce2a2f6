import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkValues, type HelmValues, mergeValues } from "../rules/charts/values.ts";
import type { Finding } from "../rules/finding.ts";
import {
  type CertManagerSettings,
  certManagerRepositoryOf,
  defaultCertManagerNamespace,
} from "./certManager.ts";
import { checkChart, type HelmChart } from "./helmChart.ts";
import { type HelmSettings, releaseArgs } from "./helmRelease.ts";
import { awaitInjection } from "./objects/webhookInjection.ts";
import { requireSound } from "./settings.ts";

const defaultTrustManagerChart = "trust-manager";
const defaultTrustManagerChartVersion = "v0.24.0";

/** How trust-manager is installed. */
export interface TrustManagerSettings extends CertManagerSettings, HelmSettings {
  /** The chart: a name in `certManagerChartRepository`, a reference `oci://…`, or a relative path. Defaults to `trust-manager`. */
  readonly trustManagerChart?: string | undefined;
  /** Exact version of the chart. Defaults to v0.24.0; not used where the chart is a local archive. */
  readonly trustManagerChartVersion?: pulumi.Input<string> | undefined;
  /** More Helm values. They win over the chart's; `app.trust.namespace` and `crds` are not theirs to change. */
  readonly trustManagerValues?: HelmValues | undefined;
}

/**
 * trust-manager, ready to distribute certificates.
 *
 * Creates a Helm release in cert-manager's namespace, which is also the one namespace whose Secrets it reads. Done once
 * the API server can verify trust-manager's webhook. It needs cert-manager: pass it as `dependsOn`.
 */
export class TrustManager extends pulumi.ComponentResource {
  /** Version of the chart that is installed. */
  readonly chartVersion: pulumi.Output<string>;

  constructor(name: string, args: TrustManagerSettings, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:TrustManager", name, {}, opts);
    requireSound(checkTrustManager(args));
    const namespace = args.certManagerNamespace ?? defaultCertManagerNamespace;
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "trust-manager",
        namespace,
        ...releaseArgs(chartOf(args), args),
        values: mergeValues(
          // The public CAs that it could distribute have no place in a mesh.
          mergeValues({ defaultPackage: { enabled: false } }, args.trustManagerValues ?? {}),
          {
            app: { trust: { namespace } },
            crds: { enabled: true, keep: args.keepCertManagerCrds ?? false },
          },
        ),
      },
      { parent: this, ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) },
    );
    awaitInjection(name, { kind: "Validating", name: "trust-manager" }, release, this);

    this.chartVersion = release.status.version;
    this.registerOutputs({ chartVersion: this.chartVersion });
  }
}

/** Checks what is plain of trust-manager's settings. */
export function checkTrustManager(args: TrustManagerSettings): Finding[] {
  return [
    ...checkChart(chartOf(args), {
      chart: "trustManagerChart",
      version: "trustManagerChartVersion",
      repository: "certManagerChartRepository",
      username: "certManagerChartRepositoryUsername",
      password: "certManagerChartRepositoryPassword",
    }),
    ...checkValues("trustManagerValues", args.trustManagerValues ?? {}, [
      {
        path: "app.trust.namespace",
        fix: "Remove it, and set certManagerNamespace instead: the trust anchor's Secrets are there.",
      },
      { path: "namespace", fix: "Remove it, and set certManagerNamespace instead." },
      { path: "crds.enabled", value: true, fix: "Remove it: without the definition there are no Bundles." },
      { path: "crds.keep", fix: "Remove it, and set keepCertManagerCrds instead." },
    ]),
  ];
}

function chartOf(args: TrustManagerSettings): HelmChart {
  return {
    chart: args.trustManagerChart ?? defaultTrustManagerChart,
    version: args.trustManagerChartVersion ?? defaultTrustManagerChartVersion,
    ...certManagerRepositoryOf(args),
  };
}
