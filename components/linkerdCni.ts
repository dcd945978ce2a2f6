import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { hasCniValue } from "../rules/charts/cni.ts";
import { namespaceMarks } from "../rules/namespaceMarks.ts";
import { proxyValues } from "../rules/settings/cni.ts";
import { releaseArgs } from "./charts/release.ts";
import { namespaceWith } from "./objects/namespace.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

export type LinkerdCniArgs = Pick<ResolvedSettings, "cni" | "controlPlane" | "helmTimeoutSeconds">;

/**
 * Linkerd's CNI plugin, on every node.
 *
 * Creates its namespace and the Helm release, and waits until the plugin is ready on each node: Helm's own wait is content
 * while one node is missing, whose pods would come up outside of the mesh, or not at all. Pass it as `dependsOn` to the
 * control plane, so that it is there before the first pod that relies on it, and until after the last.
 */
export class LinkerdCni extends pulumi.ComponentResource {
  constructor(name: string, args: LinkerdCniArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdCni", name, {}, opts);
    const { cni, controlPlane, helmTimeoutSeconds } = args;
    const child = { parent: this };
    const namespace = namespaceWith(
      `${name}-namespace`,
      {
        name: cni.namespace,
        create: cni.createNamespace,
        ...namespaceMarks.cni(),
      },
      child,
    );
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: "linkerd-cni",
        namespace,
        ...releaseArgs(cni, controlPlane, helmTimeoutSeconds, {
          under: proxyValues(args),
          // Settings of no known chart do not get here.
          over: hasCniValue(cni.version!, "namespace") ? { namespace, installNamespace: false } : {},
        }),
      },
      child,
    );
    // It adds nothing but the wait. The chart's DaemonSet has this name in each of its versions.
    new kubernetes.apps.v1.DaemonSetPatch(
      `${name}-ready`,
      {
        metadata: {
          name: "linkerd-cni",
          namespace,
          annotations: { "pulumi.com/timeoutSeconds": pulumi.interpolate`${helmTimeoutSeconds}` },
        },
      },
      { ...child, dependsOn: release },
    );
    this.registerOutputs({});
  }
}
