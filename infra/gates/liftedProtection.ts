/**
 * Looks whether an anchor that goes is still protected in the stack's state.
 *
 * Pulumi goes by the state, not by the configuration of a run that no longer has the anchor, and refuses to delete it only
 * when everything else has been changed: by then the mesh does not trust it any more.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { requireSound, type Spelling } from "../../components/validation.ts";
import type { Cluster } from "../../mesh/cluster.ts";
import { known } from "../../rules/known.ts";
import { checkAnchorChange, plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { runningBundle } from "./misfits.ts";

/** What is read of a stack's state. */
interface Exported {
  readonly deployment: {
    readonly resources?: readonly {
      readonly urn: string;
      readonly type: string;
      readonly protect?: boolean;
    }[];
  };
}

/**
 * Passes if the protection has been lifted by a run before, or if that is not known: then Pulumi has the last word.
 *
 * @param exportState gives the stack's state in JSON.
 * @throws pulumi.RunError with the anchors that would go.
 */
export async function requireLifted(
  cluster: Promise<Pick<Cluster, "core">>,
  settings: Settings,
  spell: Spelling,
  exportState: () => Promise<string> = exportOwnState,
): Promise<void> {
  const planned = plannedAnchors(settings);
  const namespace = known(settings.controlPlane.namespace);
  if (planned === undefined || planned.protection !== undefined || namespace === undefined) return;
  const family = settings.controlPlane.family!;
  const running = await cluster.then(({ core }) => runningBundle(core, family, namespace)).catch(() => {});
  if (!running) return;
  const protection = "trustAnchor.protect was true in the run before, and this one no longer has the anchor";
  const findings = [...checkAnchorChange(running, { ...planned, protection })].filter(
    ({ rule }) => rule === "anchor-protected",
  );
  if (findings.length > 0 && (await hasProtected(exportState, planned.generations)))
    requireSound(findings.map(spell));
}

async function hasProtected(
  exportState: () => Promise<string>,
  generations: readonly number[],
): Promise<boolean> {
  try {
    const { resources = [] } = (JSON.parse(await exportState()) as Exported).deployment;
    return resources.some(({ urn, type, protect }) => {
      const [, generation = "1"] = /trust-anchor(?:-(\d+))?$/.exec(urn) ?? [];
      return (
        type === "linkerd-rotating-tls:index:TrustAnchor" &&
        protect &&
        !generations.includes(Number(generation))
      );
    });
  } catch (error) {
    pulumi.log.debug(`Whether an anchor is protected is not known: ${(error as Error).message}`);
    return false;
  }
}

/** As it is kept, so with every secret encrypted. */
async function exportOwnState(): Promise<string> {
  const args = ["stack", "export", "--non-interactive", "--stack", pulumi.getStack()];
  return (await promisify(execFile)("pulumi", args, { maxBuffer: 256 * 1024 * 1024 })).stdout;
}
