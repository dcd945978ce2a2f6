/** The identity issuer's Secret, taken out of a Helm release that has made it. */
import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { ownFieldManager as fieldManager } from "../rules/guard/writers.ts";
import { identityIssuerName } from "../rules/linkerdNames.ts";
import type { Mesh } from "./cluster.ts";
import { requested } from "./requests.ts";

/**
 * Has Helm keep the Secret when its chart no longer has it (helm's pkg/kube, Client.Update).
 *
 * @param convert whether what it holds in Linkerd's own scheme gets the names of `kubernetes.io/tls` as well, which identity
 *   reads from its next start on.
 */
export async function keepIssuerSecret(
  { core, namespace }: Pick<Mesh, "core" | "namespace">,
  convert: boolean,
): Promise<void> {
  const object = { name: identityIssuerName, namespace };
  const field = `Secret ${namespace}/${identityIssuerName}`;
  const { data = {} } = await requested(field, core.readNamespacedSecret(object));
  const body = {
    metadata: { annotations: { "helm.sh/resource-policy": "keep" } },
    ...(convert && { data: { "tls.crt": data["crt.pem"], "tls.key": data["key.pem"] } }),
  };
  const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
  await requested(field, core.patchNamespacedSecret({ ...object, body, fieldManager }, merge));
}
