/** Every object of a cluster, to compare the cluster with itself at another time. */
import { until } from "../sandbox/until.ts";
import { kubectl } from "./stack.ts";

/** Kinds that come and go by themselves, whatever is installed. */
const transientKinds = ["events", "events.events.k8s.io", "componentstatuses"];

/** Leases with which the nodes and the API server itself show that they live; all others are somebody's to remove. */
const ownLease = /^Lease (kube-node-lease |kube-system apiserver-)/;

/** Lists every object as `<kind> <namespace> <name>`, sorted, except for events and the cluster's own signs of life. */
export async function listObjects(): Promise<string[]> {
  const kinds = (await kubectl("api-resources", "--verbs=list", "--output=name")).split("\n");
  const wanted = kinds.filter((kind) => kind !== "" && !transientKinds.includes(kind));
  const columns = "custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name";
  const listed = await kubectl(
    "get",
    wanted.join(","),
    "--all-namespaces",
    "--no-headers",
    `--output=${columns}`,
  );
  return listed
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s+/g, " "))
    .filter((line) => line !== "" && !ownLease.test(line))
    .sort();
}

/** The same, once every namespace has what the controller manager puts into each. */
export async function listObjectsOfSettledCluster(): Promise<string[]> {
  let objects: string[] = [];
  await until("every namespace to have its ServiceAccount and its root certificate", 60_000, async () => {
    objects = await listObjects();
    const missing = objects
      .filter((object) => object.startsWith("Namespace "))
      .map((object) => object.split(" ")[2]!)
      .flatMap((name) => [`ServiceAccount ${name} default`, `ConfigMap ${name} kube-root-ca.crt`])
      .filter((object) => !objects.includes(object));
    return missing.length === 0 || `missing: ${missing.join(", ")}`;
  });
  return objects;
}
