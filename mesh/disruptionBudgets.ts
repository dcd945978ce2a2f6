/** PodDisruptionBudgets: how many pods of which may be missing. */
import type { V1LabelSelector, V1PodDisruptionBudget } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { found } from "./requests.ts";

const kind = { group: "policy", version: "v1", plural: "poddisruptionbudgets" } as const;

/** Those of a namespace; none if the cluster does not know the kind. */
export async function listBudgets(
  { custom }: Pick<Cluster, "custom">,
  namespace: string,
): Promise<readonly V1PodDisruptionBudget[]> {
  const listed: Promise<{ items: V1PodDisruptionBudget[] }> = custom.listNamespacedCustomObject({
    ...kind,
    namespace,
  });
  return (await found(`PodDisruptionBudgets of namespace ${namespace}`, listed))?.items ?? [];
}

/** `undefined` if it has gone. */
export function readBudget(
  { custom }: Pick<Cluster, "custom">,
  namespace: string,
  name: string,
): Promise<V1PodDisruptionBudget | undefined> {
  const read: Promise<V1PodDisruptionBudget> = custom.getNamespacedCustomObject({ ...kind, namespace, name });
  return found(`PodDisruptionBudget ${namespace}/${name}`, read);
}

/** Whether one more pod may be missing now, as far as its controller has counted. */
export function allowsDisruption({ metadata, status }: V1PodDisruptionBudget): boolean {
  const isCounted = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
  return isCounted && (status?.disruptionsAllowed ?? 0) > 0;
}

/** Whether a budget is about pods with these labels; without a selector it is about none, with an empty one about all. */
export function covers(
  { spec }: V1PodDisruptionBudget,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  return spec?.selector !== undefined && selects(spec.selector, labels);
}

function selects(
  { matchLabels = {}, matchExpressions = [] }: V1LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const isIn = key in labels && values.includes(labels[key]!);
      switch (operator) {
        case "In":
          return isIn;
        case "NotIn":
          return !isIn;
        case "Exists":
          return key in labels;
        default:
          return !(key in labels);
      }
    })
  );
}
