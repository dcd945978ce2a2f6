/** Looks whether the cluster fits the chosen Linkerd, once, as the program starts. */
import * as pulumi from "@pulumi/pulumi";
import { requireSound, type Spelling } from "../../components/validation.ts";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import { valueAt } from "../../rules/charts/values.ts";
import { known } from "../../rules/known.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { type Client, findMisfits, type Wanted } from "./misfits.ts";
import { askThread } from "./previewThread.ts";

type Read = Pick<Settings, "controlPlane" | "crds" | "certManager">;

/**
 * Passes if the cluster fits, and if it does not answer: then the provider has the last word.
 *
 * @param spell puts findings into the words of the caller's own settings.
 * @throws pulumi.RunError with what does not fit.
 */
export async function lookWhetherItFits(
  cluster: Promise<Client>,
  settings: Read,
  spell: Spelling,
): Promise<void> {
  const wanted = wantedOf(settings);
  if (wanted !== undefined) requireSound((await findMisfits(cluster, wanted, tellUnknown)).map(spell));
}

/** The same from a preview's own thread, while the program goes on. */
export async function lookInThread(
  cluster: KubeConfigOptions,
  settings: Read,
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

function wantedOf({ controlPlane, crds: { installGatewayApi }, certManager }: Read): Wanted | undefined {
  const { family, highAvailability, values } = controlPlane;
  const namespace = known(controlPlane.namespace);
  if (family === undefined || namespace === undefined) return undefined;
  const failurePolicy = valueAt(values, "webhookFailurePolicy") ?? (highAvailability ? "Fail" : "Ignore");
  const needsInjector = failurePolicy === "Fail";
  return { family, installGatewayApi, namespace, needsInjector, installsCertManager: certManager.install };
}

function tellUnknown(reason: string): void {
  pulumi.log.debug(`Whether the cluster fits is not known: ${reason}`);
}
