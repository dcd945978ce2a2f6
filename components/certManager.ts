import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { releaseArgs } from "./charts/release.ts";
import { namespaceWith } from "./objects/namespace.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

export type CertManagerArgs = Pick<ResolvedSettings, "certManager" | "helmTimeoutSeconds">;

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
    const { certManager, helmTimeoutSeconds } = args;
    const child = { parent: this };

    const namespace = namespaceWith(
      `${name}-namespace`,
      {
        name: certManager.namespace,
        create: certManager.createNamespace,
        // The injector leaves out a namespace of the name cert-manager alone. With an ended certificate it would refuse the
        // pods of the one that can renew it.
        labels: { "config.linkerd.io/admission-webhooks": "disabled" },
      },
      child,
    );
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "cert-manager",
        namespace,
        ...releaseArgs(certManager, certManager, helmTimeoutSeconds, {
          // The chart's own choice is kube-system, where the Leases outlive cert-manager.
          under: { global: { leaderElection: { namespace } } },
          over: { crds: { enabled: true, keep: certManager.keepCrds }, startupapicheck: { enabled: true } },
        }),
      },
      child,
    );

    this.chartVersion = release.status.version;
    this.registerOutputs({ chartVersion: this.chartVersion });
  }
}
