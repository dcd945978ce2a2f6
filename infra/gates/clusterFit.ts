/** Looks whether the cluster fits the chosen Linkerd, once, as the program starts. */
import * as pulumi from "@pulumi/pulumi";
import { requireSound, type Spelling } from "../../components/validation.ts";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import { known } from "../../rules/known.ts";
import { plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { type Client, findMisfits, type Wanted } from "./misfits.ts";
import { askThread } from "./previewThread.ts";

/**
 * Passes if the cluster fits, and if it does not answer: then the provider has the last word.
 *
 * @param spell puts findings into the words of the caller's own settings.
 * @throws pulumi.RunError with what does not fit.
 */
export async function lookWhetherItFits(
  cluster: Promise<Client>,
  settings: Settings,
  spell: Spelling,
): Promise<void> {
  const wanted = wantedOf(settings);
  if (wanted !== undefined) requireSound((await findMisfits(cluster, wanted, tellUnknown)).map(spell));
}

/** The same from a preview's own thread, while the program goes on. */
export async function lookInThread(
  cluster: KubeConfigOptions,
  settings: Settings,
  spell: Spelling,
  timeoutMilliseconds: number,
): Promise<void> {
  const wanted = wantedOf(settings);
  if (wanted === undefined) return;
  const findings = await askThread({ cluster, wanted, timeoutMilliseconds }).catch((error: Error) => {
    tellUnknown(error.message);
    return [];
  });
  requireSound(findings.map(spell));
}

function wantedOf(settings: Settings): Wanted | undefined {
  const { family, namespace: name } = settings.controlPlane;
  const { installGatewayApi } = settings.crds;
  const namespace = known(name);
  return family === undefined || namespace === undefined
    ? undefined
    : { family, installGatewayApi, namespace, anchors: plannedAnchors(settings) };
}

function tellUnknown(reason: string): void {
  pulumi.log.debug(`Whether the cluster fits is not known: ${reason}`);
}
