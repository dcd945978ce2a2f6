/** Whether a cluster can guard the mesh's credentials, and whether the guard would let its controllers in. Without Pulumi, as misfits.ts is. */
import type { V1Deployment } from "@kubernetes/client-node";
import type { Cluster } from "../../mesh/cluster.ts";
import { requested } from "../../mesh/requests.ts";
import type { Finding } from "../../rules/finding.ts";
import { guardKubernetesMinor } from "../../rules/guard/policy.ts";
import { broken } from "../../rules/rules.ts";

/** Controllers of someone else's that write what is guarded. */
export interface OthersControllers {
  /** Their names in the charts: cert-manager, trust-manager. */
  readonly names: readonly string[];
  /** Users and groups that the guard lets in. */
  readonly writers: readonly string[];
}

export async function findGuardMisfits(
  cluster: Pick<Cluster, "version" | "apps">,
  { names, writers }: OthersControllers,
): Promise<Finding[]> {
  const { gitVersion, minor } = await requested("Version of Kubernetes", cluster.version.getCode());
  if (Number.parseInt(minor, 10) < guardKubernetesMinor) {
    return [
      broken("guard-kubernetes", {
        field: "guard.install",
        message: `The cluster runs Kubernetes ${gitVersion}, and ValidatingAdmissionPolicies are there from 1.${guardKubernetesMinor} on.`,
      }),
    ];
  }
  const looks = names.map(async (name) => {
    const labelSelector = `app.kubernetes.io/name=${name}`;
    const listed = cluster.apps.listDeploymentForAllNamespaces({ labelSelector });
    const { items } = await requested(`Deployments of ${name}`, listed);
    const users = items.map(userOf);
    // Of several, one may be the mesh's. Of none that is called so, nothing is known.
    if (users.length === 0 || users.some((user) => user.names.some((one) => writers.includes(one))))
      return [];
    const [{ names: own, namespace }] = users as [User];
    return broken("guard-controller", {
      field: "guard.writers",
      message: `${name} runs in namespace ${namespace} as ${own[0]}, which the guard would refuse: no certificate of the mesh would be renewed.`,
      fix: `Add it: ${own[0]}. Or set certManager.namespace, if it is in ${namespace} with cert-manager.`,
    });
  });
  return (await Promise.all(looks)).flat();
}

interface User {
  readonly namespace: string;
  /** Its own name, and that of its group. */
  readonly names: readonly [string, string];
}

function userOf({ metadata, spec }: V1Deployment): User {
  const namespace = metadata!.namespace!;
  const account = spec!.template.spec!.serviceAccountName ?? "default";
  return {
    namespace,
    names: [`system:serviceaccount:${namespace}:${account}`, `system:serviceaccounts:${namespace}`],
  };
}
