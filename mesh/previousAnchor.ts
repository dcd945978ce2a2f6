/** The outgoing anchor of a mesh whose anchor cert-manager keeps: trust-manager takes its certificate alone. */
import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { ownFieldManager as fieldManager } from "../rules/guard/writers.ts";
import { previousTrustAnchorName } from "../rules/linkerdNames.ts";
import type { Cluster } from "./cluster.ts";
import { requested } from "./requests.ts";

/** Takes the key out of its Secret; a Secret of this type has to have the field. */
export async function dropPreviousKey({ core }: Pick<Cluster, "core">, namespace: string): Promise<void> {
  const object = { name: previousTrustAnchorName, namespace };
  const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
  await requested(
    `Secret ${namespace}/${previousTrustAnchorName}`,
    core.patchNamespacedSecret({ ...object, body: { data: { "tls.key": "" } }, fieldManager }, merge),
  );
}
