/** The ConfigMap of a mesh's trust anchors, as Linkerd's chart makes it. */
import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { ownFieldManager as fieldManager } from "../rules/guard/writers.ts";
import { controlPlaneLabel, trustRootsKey, trustRootsName } from "../rules/linkerdNames.ts";
import type { Mesh } from "./cluster.ts";
import { found, requested } from "./requests.ts";

/** Its text; `undefined` if there is none. */
export async function readTrustRoots({
  core,
  namespace,
}: Pick<Mesh, "core" | "namespace">): Promise<string | undefined> {
  const read = core.readNamespacedConfigMap({ name: trustRootsName, namespace });
  return (await found(`ConfigMap ${namespace}/${trustRootsName}`, read))?.data?.[trustRootsKey];
}

/**
 * Gives it a text. If it is missing, it is made with the marks by which Helm knows it for its own, so that the next upgrade
 * takes it for what it was.
 *
 * @param release of the control plane.
 */
export async function writeTrustRoots(
  { core, namespace }: Pick<Mesh, "core" | "namespace">,
  release: string,
  text: string,
): Promise<void> {
  const name = trustRootsName;
  const data = { [trustRootsKey]: text };
  const field = `ConfigMap ${namespace}/${name}`;
  if ((await found(field, core.readNamespacedConfigMap({ name, namespace }))) !== undefined) {
    const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
    await requested(
      field,
      core.patchNamespacedConfigMap({ name, namespace, body: { data }, fieldManager }, merge),
    );
    return;
  }
  const metadata = {
    name,
    namespace,
    labels: {
      "app.kubernetes.io/managed-by": "Helm",
      "linkerd.io/control-plane-component": "identity",
      [controlPlaneLabel]: namespace,
    },
    annotations: { "meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace },
  };
  await requested(
    field,
    core.createNamespacedConfigMap({ namespace, body: { metadata, data }, fieldManager }),
  );
}
