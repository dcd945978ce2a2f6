/**
 * Who has set which field of an object. Whoever sets one otherwise by server-side apply, as Pulumi does, is refused
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts).
 */
import { ownFieldManager } from "../rules/guard/writers.ts";
import type { Cluster } from "./cluster.ts";
import { nameOf, type ObjectReference, pathOf } from "./objects.ts";
import { requested, statusOf } from "./requests.ts";

/** More often, nobody writes an object while it is looked at. */
const mostTries = 5;

/**
 * Has the API server forget who has set the fields of an object, but for those of its status: then whoever sets one next
 * has it. Nothing else of the object changes.
 *
 * @param isFormer which of those who have set them are to be forgotten, by the names that they have given.
 */
export async function disown(
  { metadata, patchMetadata }: Pick<Cluster, "metadata" | "patchMetadata">,
  reference: ObjectReference,
  isFormer: (manager: string) => boolean,
): Promise<void> {
  const [what, path] = [nameOf(reference), pathOf(reference)];
  for (let tries = 1; ; tries++) {
    const { resourceVersion, managedFields = [] } = await requested(what, metadata(path));
    const kept = managedFields.filter(
      ({ manager = "", subresource }) => subresource !== undefined || !isFormer(manager),
    );
    if (kept.length === managedFields.length) return;
    // An empty list would be taken for none that is given.
    const change = { resourceVersion, managedFields: kept.length === 0 ? [{}] : kept };
    try {
      return await requested(what, patchMetadata(path, change, ownFieldManager));
    } catch (error) {
      // Someone has written it meanwhile.
      if (tries === mostTries || statusOf((error as Error).cause) !== 409) throw error;
    }
  }
}
