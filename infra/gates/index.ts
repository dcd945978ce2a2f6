/** What is looked at on the cluster before anything of it is changed; for this program, and for those that use its components. */
import * as pulumi from "@pulumi/pulumi";
import type { RotatingLinkerd } from "../../components/rotatingLinkerd.ts";
import type { RotatingLinkerdArgs } from "../../components/rotatingLinkerdArgs.ts";
import { resolveSound, spellingOf } from "../../components/validation.ts";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import { statusOf } from "../../mesh/requests.ts";
import { unseenBeginning } from "../../rules/mesh/unseen.ts";
import { keepAnchors } from "./anchorReplacement.ts";
import { requireFit } from "./clusterFit.ts";
import { keepWhatIsOthers } from "./existingObjects.ts";
import { checkHeldIssuer, IssuerGate } from "./identityIssuer.ts";
import { continueInterruptedReleases } from "./interruptedReleases.ts";
import { requireReferences } from "./issuerReferences.ts";
import { lookWith } from "./looks.ts";
import { lookFromThread } from "./previewThread.ts";
import { inputsOf } from "./registration.ts";
import { namespacesBefore } from "./run.ts";
import { SignerTrial } from "./signerTrial.ts";

/** Enough for a login and an answer. A preview is not held up longer by a cluster that is far, or down. */
const previewTimeoutMilliseconds = 5000;

export interface Gates {
  /** For the options of the component that installs Linkerd. */
  readonly transforms: pulumi.ResourceTransform[];
  /**
   * Await it at the end of the program: a preview goes on while the cluster answers, and an update that changes nothing is
   * judged by the issuer that it finds.
   *
   * @throws pulumi.RunError with what is wrong, of which Pulumi shows the message alone.
   */
  readonly finish: (linkerd: RotatingLinkerd) => Promise<void>;
}

/**
 * Makes the gates of the resources that install Linkerd:
 *
 * - a setting whose change would replace what the mesh lives on is refused;
 * - an object that is there already is not taken over, unless an interrupted run of this stack has left it;
 * - an anchor signs, or goes, only if the mesh that runs can bear it, and none that it has is made anew;
 * - an issuer of someone else's signs only after it has been tried;
 * - an Issuer or a Certificate that names what does not exist is refused at once;
 * - a control plane is changed only after its identity issuer has been found fit for it;
 * - a Helm release goes on from what an interrupted run has left.
 *
 * An update waits here until all has been looked at that is known before, so that nothing is changed if it is refused. A
 * preview goes on meanwhile, and what the cluster does not answer in time, it warns of at its end.
 *
 * @param cluster the kubeconfig and context that the program's Kubernetes provider has.
 * @param args the arguments of the component that installs Linkerd.
 * @throws pulumi.RunError with what does not fit, or why the cluster cannot be asked; in a preview, `finish` does.
 */
export async function gates(cluster: KubeConfigOptions, args: RotatingLinkerdArgs): Promise<Gates> {
  return pulumi.runtime.isDryRun() ? previewGates(cluster, args) : updateGates(cluster, args);
}

/** How a Helm release says which stack has installed it. */
const installer = () =>
  `Pulumi stack ${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;

function previewGates(cluster: KubeConfigOptions, args: RotatingLinkerdArgs): Gates {
  const settings = resolveSound(args);
  const spell = spellingOf(args);
  const look = lookFromThread(cluster, previewTimeoutMilliseconds);
  const unseen = new Set<string>();
  const onUnseen = ({ message }: Error) => void unseen.add(message);
  const namespace = namespacesBefore(look);
  const own = { settings, installer: installer(), isPreview: true, spell };
  const run = { ...own, look, namespace, onUnseen, onUnproven: onUnseen };
  const fit = requireFit(run);
  // Whoever awaits it hears of its failure.
  fit.catch(() => {});
  return {
    // A preview changes nothing, and so asks for nothing that only a change needs.
    transforms: [keepWhatIsOthers(run), keepAnchors(run, fit), continueInterruptedReleases(run)],
    finish: async (linkerd) => {
      await fit;
      await inputsOf(linkerd.linkerdControlPlaneChartVersion);
      if (unseen.size > 0) {
        pulumi.log.warn(`${unseenBeginning} ${[...unseen].join(" ")}`);
      }
    },
  };
}

async function updateGates(cluster: KubeConfigOptions, args: RotatingLinkerdArgs): Promise<Gates> {
  const settings = resolveSound(args);
  const spell = spellingOf(args);
  const connected = import("../../mesh/cluster.ts").then(({ connect }) => connect(cluster));
  // Whoever awaits it hears of its failure.
  connected.catch(() => {});
  const look = lookWith(connected);
  const onUnseen = (error: Error) => {
    // What this user may not see, others may have arranged.
    if (statusOf(error.cause ?? error) !== undefined) return pulumi.log.debug(error.message);
    throw new pulumi.RunError(
      `The cluster cannot be asked, and nothing more is changed without that: ${error.message}`,
    );
  };
  const onUnproven = ({ message }: Error) => {
    throw new pulumi.RunError(
      "Whether the pods of the mesh accept its trust anchors as they are going to be cannot be seen, and nothing is changed " +
        `without that: ${message}`,
    );
  };
  const namespace = namespacesBefore(look);
  const own = { settings, installer: installer(), isPreview: false, spell };
  const run = { ...own, look, namespace, onUnseen, onUnproven };
  const fit = requireFit(run);
  await fit;
  await checkHeldIssuer(connected, settings);
  const trial = new SignerTrial(connected, settings, spell);
  await trial.first();
  const issuer = new IssuerGate(connected);
  return {
    transforms: [
      keepWhatIsOthers(run),
      keepAnchors(run, fit),
      continueInterruptedReleases(run, connected),
      requireReferences(connected, settings.certManager.install, spell),
      trial.transform(),
      issuer.transform(),
    ],
    finish: async (linkerd) => {
      // With it the control plane is done.
      await inputsOf(linkerd.linkerdControlPlaneChartVersion);
      await issuer.finish();
    },
  };
}
