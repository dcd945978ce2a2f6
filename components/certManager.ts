import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { isLater } from "../rules/known.ts";
import { retryValues } from "../rules/lifetimes/retries.ts";
import { namespaceMarks } from "../rules/namespaceMarks.ts";
import { releaseArgs } from "./charts/release.ts";
import { namespaceWith } from "./objects/namespace.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

export type CertManagerArgs = Pick<ResolvedSettings, "certManager" | "alerts" | "helmTimeoutSeconds">;

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
  readonly chartVersion: pulumi.Output<string>;

  constructor(name: string, args: CertManagerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:CertManager", name, {}, opts);
    const { certManager, alerts, helmTimeoutSeconds } = args;
    const child = { parent: this };
    const { chartVersion } = certManager;
    const retries = isLater(chartVersion)
      ? {
          config: pulumi
            .output<string>(chartVersion)
            .apply((known) => retryValues({ ...certManager, chartVersion: known }).config),
        }
      : retryValues(certManager);

    const namespace = namespaceWith(
      `${name}-namespace`,
      {
        name: certManager.namespace,
        create: certManager.createNamespace,
        ...namespaceMarks.certManager(),
      },
      child,
    );
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "cert-manager",
        namespace,
        ...releaseArgs(certManager, certManager, helmTimeoutSeconds, {
          under: {
            // The chart's own choice is kube-system, where the Leases outlive cert-manager.
            global: { leaderElection: { namespace } },
            ...retries,
            ...(alerts.install
              ? { prometheus: { podmonitor: { enabled: true, labels: alerts.labels } } }
              : {}),
          },
          over: { crds: { enabled: true, keep: certManager.keepCrds }, startupapicheck: { enabled: true } },
        }),
      },
      child,
    );

    this.chartVersion = release.status.version;
    this.registerOutputs({ chartVersion: this.chartVersion });
  }
}
