import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { valueAt } from "../rules/charts/values.ts";
import { vizWebhooks } from "../rules/linkerdNames.ts";
import { namespaceMarks } from "../rules/namespaceMarks.ts";
import type { PodSecurityLevel } from "../rules/settings/controlPlane.ts";
import { releaseArgs } from "./charts/release.ts";
import { namespaceWith } from "./objects/namespace.ts";
import { awaitInjection } from "./objects/webhookInjection.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";
import { WebhookCredentials } from "./webhookCredentials.ts";

export interface LinkerdVizArgs
  extends Pick<
    ResolvedSettings,
    "clusterDomain" | "trustDomain" | "helmTimeoutSeconds" | "webhooks" | "viz" | "controlPlane"
  > {
  /** Namespace of the control plane. */
  readonly linkerdNamespace: pulumi.Input<string>;
  /** Pod-security level that is enforced in its namespace: that of the control plane's. */
  readonly podSecurityLevel: pulumi.Input<PodSecurityLevel>;
}

/**
 * What its injector leaves out where it has to be asked: as the control plane's does. The chart leaves out nothing, so that
 * no pod of the cluster would come up without it, cert-manager's included, which renews its certificate.
 */
const tapInjectorSelector = {
  matchExpressions: [
    { key: "config.linkerd.io/admission-webhooks", operator: "NotIn", values: ["disabled"] },
    { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "cert-manager"] },
  ],
};

/**
 * Linkerd's viz extension, with webhook credentials that cert-manager renews.
 *
 * Creates its namespace, the credentials of tap and of the tap injector under a CA of their own, and the Helm release. It
 * is done when the API server can verify both. Pass the control plane as `dependsOn`: its injector meshes these pods.
 */
export class LinkerdViz extends pulumi.ComponentResource {
  constructor(name: string, args: LinkerdVizArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdViz", name, {}, opts);
    const { viz, webhooks } = args;
    const after = { parent: this, dependsOn: opts?.dependsOn ?? [] };
    const namespace = namespaceWith(
      `${name}-namespace`,
      {
        name: viz.namespace,
        create: viz.createNamespace,
        ...namespaceMarks.viz<pulumi.Input<string>>(args.podSecurityLevel),
      },
      after,
    );
    const credentials = webhooks.rotateCredentials
      ? new WebhookCredentials(`${name}-webhooks`, { ...webhooks, namespace, webhooks: vizWebhooks }, after)
      : undefined;
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "linkerd-viz",
        namespace,
        ...releaseArgs(viz, args.controlPlane, args.helmTimeoutSeconds, {
          under:
            valueAt(viz.values, "tapInjector.failurePolicy") === "Fail"
              ? { tapInjector: { namespaceSelector: tapInjectorSelector } }
              : {},
          over: {
            linkerdNamespace: args.linkerdNamespace,
            clusterDomain: args.clusterDomain,
            identityTrustDomain: args.trustDomain,
            ...credentials?.values,
          },
        }),
      },
      after,
    );
    if (credentials !== undefined) {
      for (const { serviceName, configuration } of vizWebhooks) {
        awaitInjection(`${name}-${serviceName}`, configuration, release, this);
      }
    }
    this.registerOutputs({});
  }
}
