/**
 * Which generations of the trust anchor are in the stack's state, and protected there.
 *
 * Pulumi goes by the state, not by the configuration of a run that no longer has the anchor, and refuses to delete it only
 * when everything else has been changed: by then the mesh does not trust it any more.
 */
import * as pulumi from "@pulumi/pulumi";
import { type ExportState, ownResources } from "./ownState.ts";

/** Whether each generation of the state is protected; `undefined` if the state cannot be read: then Pulumi has the last word. */
export async function protectedGenerations(
  exportState: ExportState,
): Promise<ReadonlyMap<number, boolean> | undefined> {
  try {
    const resources = await ownResources(exportState);
    const anchors = resources.filter(({ type }) => type === "linkerd-rotating-tls:index:TrustAnchor");
    return new Map(
      anchors.map(({ urn, protect = false }) => {
        const [, generation = "1"] = /trust-anchor(?:-(\d+))?$/.exec(urn) ?? [];
        return [Number(generation), protect];
      }),
    );
  } catch (error) {
    pulumi.log.debug(`Whether an anchor is protected is not known: ${(error as Error).message}`);
    return undefined;
  }
}
