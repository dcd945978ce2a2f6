/** Looks whether the cluster fits the chosen Linkerd, once, as the program starts. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import * as pulumi from "@pulumi/pulumi";
import { requireSound, type Spelling } from "../../components/validation.ts";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import type { Finding } from "../../rules/finding.ts";
import { known } from "../../rules/known.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { type Client, findMisfits, type Wanted } from "./misfits.ts";

type Read = Pick<Settings, "controlPlane" | "crds">;

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

/**
 * The same from a thread of its own, for a preview: to load the Kubernetes client takes longer than all the rest of a
 * program, which goes on meanwhile.
 *
 * @param timeoutMilliseconds counts from the moment when the client is loaded.
 */
export async function lookInThread(
  cluster: KubeConfigOptions,
  settings: Read,
  spell: Spelling,
  timeoutMilliseconds: number,
): Promise<void> {
  const wanted = wantedOf(settings);
  if (wanted === undefined) return;
  // Compiled, this file and the thread's are JavaScript.
  const file = new URL(`./misfitsThread${extname(import.meta.filename)}`, import.meta.url);
  // Without the program's own options for Node, which would load Pulumi.
  const thread = new Worker(file, { workerData: { cluster, wanted, timeoutMilliseconds }, execArgv: [] });
  const findings = await new Promise<Finding[]>((done) => {
    thread.once("message", done);
    thread.once("error", (error) => {
      tellUnknown(error.message);
      done([]);
    });
    thread.once("exit", () => done([]));
  });
  await thread.terminate();
  requireSound(findings.map(spell));
}

function wantedOf({ controlPlane, crds: { installGatewayApi } }: Read): Wanted | undefined {
  const { family } = controlPlane;
  const namespace = known(controlPlane.namespace);
  return family === undefined || namespace === undefined
    ? undefined
    : { family, installGatewayApi, namespace };
}

function tellUnknown(reason: string): void {
  pulumi.log.debug(`Whether the cluster fits is not known: ${reason}`);
}
