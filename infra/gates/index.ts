/** What is looked at on the cluster before anything of it is changed; for this program, and for those that use its components. */
import * as pulumi from "@pulumi/pulumi";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import { lookWhetherItFits, requireFit, type Wanted } from "./clusterFit.ts";
import { checkIssuerFirst } from "./identityIssuer.ts";
import { continueInterruptedReleases } from "./interruptedReleases.ts";
import { requireReferences } from "./issuerReferences.ts";

/** Enough for a cluster that is near. A preview is not held up by one that is far, or down. */
const previewTimeoutMilliseconds = 500;

/** The gates of a run. */
export interface Gates {
  /** For the options of the component that installs Linkerd. */
  readonly transforms: pulumi.ResourceTransform[];
  /**
   * Await it at the end of the program: it fails if the cluster does not fit the chosen Linkerd, with a pulumi.RunError of
   * which Pulumi shows the message alone. In a preview it waits for the cluster's answer for half a second.
   */
  readonly fit: Promise<void>;
}

/**
 * Begins to look at the cluster, beside the program, and makes the gates of its resources:
 *
 * - a Linkerd that the cluster does not fit is refused, before anything of Linkerd is touched;
 * - a control plane is touched only after its identity issuer has been found fit for it;
 * - an Issuer or a Certificate that names what does not exist is refused at once;
 * - a Helm release goes on where an interrupted run has left it.
 *
 * @param cluster the kubeconfig and context that the program's Kubernetes provider has.
 * @param wanted the Linkerd that is going to be installed.
 */
export function gates(cluster: KubeConfigOptions, wanted: Wanted): Gates {
  // The client takes longer to load than all the rest of a program: so it loads while other things happen.
  const connected = import("../../mesh/cluster.ts").then(({ connect }) => {
    const limit = pulumi.runtime.isDryRun()
      ? { signal: AbortSignal.timeout(previewTimeoutMilliseconds) }
      : {};
    return connect({ ...cluster, ...limit });
  });
  const fit = lookWhetherItFits(connected, wanted);
  // Whoever awaits them hears of their failures.
  for (const promise of [connected, fit]) promise.catch(() => {});
  return {
    transforms: [
      continueInterruptedReleases(connected),
      requireReferences(connected),
      requireFit(fit, wanted),
      checkIssuerFirst(connected),
    ],
    fit,
  };
}
