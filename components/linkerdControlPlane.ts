import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type ChartFamily, gatewayApiValues, hasCrdsChart } from "../rules/charts/families.ts";
import { highAvailabilityValues } from "../rules/charts/highAvailability.ts";
import type { HelmValues } from "../rules/charts/values.ts";
import { controlPlaneWebhooks, crdsReleaseName, trustRootsAnnotation } from "../rules/linkerdNames.ts";
import { releaseArgs } from "./charts/release.ts";
import { awaitInjection } from "./objects/webhookInjection.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";
import type { InjectedWebhookValues } from "./webhookCredentials.ts";

/** Where the mesh's trust bundle comes from. */
export type TrustRoots =
  /** The chart makes the ConfigMap: certificates in PEM, without a newline at the end. */
  | { readonly pem: pulumi.Input<string> }
  /** Someone else has made it. The pods carry the hash of its text, so that the control plane rolls with the bundle. */
  | { readonly externalSha256: pulumi.Input<string> };

export interface LinkerdControlPlaneArgs
  extends Pick<
      ResolvedSettings,
      "clusterDomain" | "trustDomain" | "helmTimeoutSeconds" | "crds" | "controlPlane" | "alerts"
    >,
    Pick<ResolvedSettings["identityIssuer"], "issuanceLifetime" | "clockSkewAllowance"> {
  /** Namespace of the control plane, which carries Linkerd's labels already. */
  readonly namespace: pulumi.Input<string>;
  /** The anchors that the mesh trusts. A change rolls the control plane's pods; meshed pods take it when they restart. */
  readonly trustRoots: TrustRoots;
  /** Whether this program's CNI plugin sets up the pods' network; pass the plugin as `dependsOn` then. */
  readonly cniInstalled: boolean;
  /** Values of the webhooks whose credentials come from cert-manager; absent if the chart makes them itself. */
  readonly webhookValues: Readonly<Record<string, InjectedWebhookValues>> | undefined;
}

/**
 * Linkerd's control plane over credentials that others provide.
 *
 * Creates two Helm releases: the custom resource definitions, and the control plane; of Linkerd before 2.12, one. The
 * Secret `linkerd-identity-issuer` must be there first: pass what fills it as `dependsOn`. The identity controller exits
 * if it finds an issuer that does not chain to the bundle.
 *
 * No private key is among the values.
 */
export class LinkerdControlPlane extends pulumi.ComponentResource {
  /** Version of the definitions' chart; absent for Linkerd before 2.12, which has none. */
  readonly crdsChartVersion: pulumi.Output<string> | undefined;
  readonly controlPlaneChartVersion: pulumi.Output<string>;

  constructor(name: string, args: LinkerdControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdControlPlane", name, {}, opts);
    const { namespace, crds: definitions, controlPlane, alerts, helmTimeoutSeconds } = args;
    // Settings of no known chart do not get here.
    const family = controlPlane.family!;
    const crds = hasCrdsChart(family)
      ? new kubernetes.helm.v3.Release(
          `${name}-crds`,
          {
            name: crdsReleaseName,
            namespace,
            ...releaseArgs(definitions, controlPlane, helmTimeoutSeconds, {
              under: gatewayApiValues(family, definitions.installGatewayApi),
            }),
          },
          { parent: this },
        )
      : undefined;
    const release = new kubernetes.helm.v3.Release(
      name,
      {
        name: family.chart,
        namespace,
        ...releaseArgs(controlPlane, controlPlane, helmTimeoutSeconds, {
          under: {
            ...(controlPlane.highAvailability ? highAvailabilityValues(family) : {}),
            // They call the control plane's job "<namespace>/linkerd-controller", by which the alerts find it.
            ...(alerts.install ? { podMonitor: { enabled: true, labels: alerts.labels } } : {}),
          },
          over: { ...meshValues(family, args), ...args.webhookValues },
        }),
      },
      pulumi.mergeOptions({ parent: this, dependsOn: crds ?? [] }, { dependsOn: opts?.dependsOn ?? [] }),
    );
    if (args.webhookValues !== undefined) {
      for (const { serviceName, configuration } of controlPlaneWebhooks) {
        awaitInjection(`${name}-${serviceName}`, configuration, release, this);
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

/** The values of a control plane whose issuer's Secret is written by someone else than the chart. */
function meshValues(family: ChartFamily, args: LinkerdControlPlaneArgs): HelmValues {
  const { trustRoots, issuanceLifetime, clockSkewAllowance } = args;
  const issuer = { scheme: "kubernetes.io/tls", issuanceLifetime, clockSkewAllowance };
  return {
    clusterDomain: args.clusterDomain,
    identityTrustDomain: args.trustDomain,
    // The namespace is made before, with every label, because the issuer's Certificate must be there first.
    ...(hasCrdsChart(family) ? {} : { namespace: args.namespace, installNamespace: false }),
    ...(args.cniInstalled ? { cniEnabled: true } : {}),
    ...("pem" in trustRoots
      ? { identityTrustAnchorsPEM: trustRoots.pem, identity: { issuer } }
      : {
          identity: { externalCA: true, issuer },
          podAnnotations: { [trustRootsAnnotation]: trustRoots.externalSha256 },
        }),
  };
}
