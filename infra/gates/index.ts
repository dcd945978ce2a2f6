/** What is looked at on the cluster before anything of it is changed; for this program, and for those that use its components. */
import * as pulumi from "@pulumi/pulumi";
import type { RotatingLinkerdArgs } from "../../components/rotatingLinkerdArgs.ts";
import { resolveSound, type Spelling, spellingOf } from "../../components/validation.ts";
import type { Cluster } from "../../mesh/cluster.ts";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { lookInThread, lookWhetherItFits } from "./clusterFit.ts";
import { checkHeldIssuer, checkIssuerFirst } from "./identityIssuer.ts";
import { continueInterruptedReleases } from "./interruptedReleases.ts";
import { requireReferences } from "./issuerReferences.ts";
import { requireLifted } from "./liftedProtection.ts";
import { SignerTrial } from "./signerTrial.ts";

/** Enough for a login and two answers. A preview is not held up longer by a cluster that is far, or down. */
const previewTimeoutMilliseconds = 2000;

export interface Gates {
  /** For the options of the component that installs Linkerd. */
  readonly transforms: pulumi.ResourceTransform[];
  /** Whether the cluster fits the chosen Linkerd. Await it at the end of the program: a preview goes on without it. */
  readonly fit: Promise<void>;
}

/**
 * Makes the gates of the resources that install Linkerd:
 *
 * - an anchor signs, or goes, only if the mesh that runs can bear it;
 * - an issuer of someone else's signs only after it has been tried;
 * - an Issuer or a Certificate that names what does not exist is refused at once;
 * - a control plane is changed only after its identity issuer has been found fit for it;
 * - a Helm release goes on from what an interrupted run has left.
 *
 * An update waits here until all has been looked at that is known before, so that nothing is changed if it is refused. A
 * preview goes on meanwhile, and waits at its end, for two seconds at most, if the cluster does not answer.
 *
 * @param cluster the kubeconfig and context that the program's Kubernetes provider has.
 * @param args the arguments of the component that installs Linkerd.
 * @throws pulumi.RunError with what does not fit, of which Pulumi shows the message alone; in a preview, `fit` does.
 */
export async function gates(cluster: KubeConfigOptions, args: RotatingLinkerdArgs): Promise<Gates> {
  const settings = resolveSound(args);
  const spell = spellingOf(args);
  if (pulumi.runtime.isDryRun()) {
    const fit = lookInThread(cluster, settings, spell, previewTimeoutMilliseconds);
    // Whoever awaits it hears of its failure.
    fit.catch(() => {});
    // A preview calls no hook, and lets the control plane through.
    return {
      transforms: transformsOn(
        Promise.reject(new Error("A preview asks the cluster nothing else.")),
        settings,
        spell,
      ).transforms,
      fit,
    };
  }
  const connected = import("../../mesh/cluster.ts").then(({ connect }) => connect(cluster));
  const fit = lookWhetherItFits(connected, settings, spell);
  await fit;
  const { transforms, trial } = transformsOn(connected, settings, spell);
  await Promise.all([requireLifted(connected, settings, spell), checkHeldIssuer(connected, settings)]);
  await trial.first();
  return { transforms, fit };
}

function transformsOn(cluster: Promise<Cluster>, settings: Settings, spell: Spelling) {
  // Whoever awaits it hears of its failure.
  cluster.catch(() => {});
  const trial = new SignerTrial(cluster, settings, spell);
  const transforms = [
    continueInterruptedReleases(cluster),
    requireReferences(cluster, settings.certManager.install, spell),
    trial.transform(),
    checkIssuerFirst(cluster),
  ];
  return { transforms, trial };
}
