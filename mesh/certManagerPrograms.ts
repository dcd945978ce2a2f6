/** cert-manager's running programs, in whichever namespace they are. */
import type { Cluster } from "./cluster.ts";
import { requested } from "./requests.ts";

/** Each program, and the name that its chart and its manifests give it in the labels. */
export const certManagerPrograms = {
  controller: "cert-manager",
  webhook: "webhook",
  cainjector: "cainjector",
} as const;

/** A Deployment of one of the programs. */
export interface CertManagerProgram {
  readonly component: keyof typeof certManagerPrograms;
  readonly namespace: string;
  readonly name: string;
  readonly availableReplicas: number;
  /** Where a controller looks for the Secrets of ClusterIssuers. */
  readonly clusterResourceNamespace: string;
  /** Its arguments, and the ConfigMap with the rest of its configuration, if it has one. */
  readonly args: readonly string[];
  readonly configMap?: string | undefined;
}

export async function listCertManagerPrograms({
  apps,
}: Pick<Cluster, "apps">): Promise<CertManagerProgram[]> {
  const components = Object.keys(certManagerPrograms) as CertManagerProgram["component"][];
  const labelSelector = `app.kubernetes.io/component in (${components.join(",")})`;
  const { items } = await requested(
    "Deployments of cert-manager in every namespace",
    apps.listDeploymentForAllNamespaces({ labelSelector }),
  );
  return items.flatMap(({ metadata, spec, status }) => {
    const labels = metadata?.labels ?? {};
    const component = components.find((one) => one === labels["app.kubernetes.io/component"])!;
    // A release can rename them, but not its chart.
    const isOurs =
      labels["app.kubernetes.io/name"] === certManagerPrograms[component] ||
      /^cert-manager-v?\d/.test(labels["helm.sh/chart"] ?? "");
    if (!isOurs) return [];
    const namespace = metadata!.namespace!;
    const args = spec?.template.spec?.containers.flatMap(({ args: own }) => own ?? []) ?? [];
    const option = args.find((arg) => arg.startsWith("--cluster-resource-namespace="))?.split("=")[1];
    return {
      component,
      namespace,
      name: metadata!.name!,
      availableReplicas: status?.availableReplicas ?? 0,
      clusterResourceNamespace: option === undefined || option.startsWith("$") ? namespace : option,
      args,
      configMap: spec?.template.spec?.volumes?.find(({ name }) => name === "config")?.configMap?.name,
    };
  });
}
