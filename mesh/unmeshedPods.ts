/** Pods that should have a proxy, and have none: the API server has not asked the injector when they were made. */
import { proxyVersionAnnotation } from "../rules/linkerdNames.ts";
import { nameOfWorkload, type Workload } from "../rules/mesh/workload.ts";
import type { Mesh } from "./cluster.ts";
import { workloadOf } from "./meshedPods.ts";
import { found, requested } from "./requests.ts";

const injectAnnotation = "linkerd.io/inject";
const asksForProxy = (value: string | undefined) => value === "enabled" || value === "ingress";

/** Their workloads, each once. */
export async function listUnmeshed(mesh: Pick<Mesh, "core" | "metadataPages">): Promise<readonly Workload[]> {
  const inNamespace = new Map<string, string | undefined>();
  const workloads = new Map<string, Workload>();
  const list = async () => {
    for await (const page of mesh.metadataPages("/api/v1/namespaces")) {
      for (const { name, annotations } of page) inNamespace.set(name, annotations[injectAnnotation]);
    }
    const query = { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" };
    for await (const page of mesh.metadataPages("/api/v1/pods", query)) {
      for (const metadata of page) {
        const { name, namespace, annotations, isLeaving } = metadata;
        const wanted = annotations[injectAnnotation] ?? inNamespace.get(namespace);
        if (proxyVersionAnnotation in annotations || !asksForProxy(wanted) || isLeaving) continue;
        const workload = workloadOf(metadata);
        const key = nameOfWorkload(workload);
        // The injector leaves out those on the node's network.
        if (!workloads.has(key) && !(await isOnHost(mesh, namespace, name))) workloads.set(key, workload);
      }
    }
  };
  await requested("Pods of every namespace", list());
  return [...workloads.values()];
}

/** One that has gone needs no proxy either. */
async function isOnHost({ core }: Pick<Mesh, "core">, namespace: string, name: string): Promise<boolean> {
  const pod = await found(`Pod ${namespace}/${name}`, core.readNamespacedPod({ name, namespace }));
  return pod === undefined || pod.spec?.hostNetwork === true;
}
