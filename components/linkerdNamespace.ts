import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { PodSecurityLevel } from "../rules/settings/controlPlane.ts";

/** What a {@link LinkerdNamespace} is made from. */
export interface LinkerdNamespaceArgs {
  /** Its name. */
  readonly name: pulumi.Input<string>;
  /** Pod-security level that is enforced in it. */
  readonly podSecurityLevel: pulumi.Input<PodSecurityLevel>;
}

/**
 * The namespace of Linkerd's control plane.
 *
 * It carries the labels and the annotation that the chart's own template would give it, which the chart renders for
 * the `linkerd` command alone. They are there from the start, since webhooks and trust-manager select by them:
 * labelled after the installation, a namespace never gets its bundle.
 */
export class LinkerdNamespace extends kubernetes.core.v1.Namespace {
  constructor(name: string, args: LinkerdNamespaceArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      name,
      {
        metadata: {
          name: args.name,
          labels: {
            "linkerd.io/is-control-plane": "true",
            "config.linkerd.io/admission-webhooks": "disabled",
            "linkerd.io/control-plane-ns": args.name,
            "pod-security.kubernetes.io/enforce": args.podSecurityLevel,
          },
          annotations: { "linkerd.io/inject": "disabled" },
        },
      },
      opts,
    );
  }
}
