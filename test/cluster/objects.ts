/** Every object of a cluster, to compare the cluster with itself at another time. */
import { succeed } from "./sandbox.ts";

/** Kinds that come and go by themselves, whatever is installed. */
const transientKinds = ["events", "events.events.k8s.io", "componentstatuses"];

/**
 * Lists every object as `<kind> <namespace> <name>`, sorted. Left out: events, and the Leases by which the cluster's own
 * parts show that they live; a Lease in any other namespace counts.
 */
export async function listObjects(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const kinds = await succeed(environment, "kubectl", "api-resources", "--verbs=list", "--output=name");
  const wanted = kinds.stdout.split("\n").filter((kind) => kind !== "" && !transientKinds.includes(kind));
  const columns = "custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name";
  const { stdout } = await succeed(
    environment,
    "kubectl",
    "get",
    wanted.join(","),
    "--all-namespaces",
    "--no-headers",
    `--output=${columns}`,
  );
  return stdout
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s+/g, " "))
    .filter((line) => line !== "" && !/^Lease kube-/.test(line))
    .sort();
}
