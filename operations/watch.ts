/** Objects of a cluster, kept up to date by a watch. */
import { type KubernetesListObject, type KubernetesObject, ListWatch, Watch } from "@kubernetes/client-node";
import { type Cluster, requested } from "./cluster.ts";

export interface WatchedObjects<T> {
  readonly list: () => readonly T[];
  readonly stop: () => void;
}

export interface WatchOptions<T extends KubernetesObject> {
  /** What is watched, for error messages. */
  readonly what: string;
  /** Where the API has these objects. */
  readonly path: string;
  /** Lists them; the watch goes on from there. */
  readonly list: () => Promise<KubernetesListObject<T>>;
  readonly fieldSelector?: string;
}

export interface Watcher {
  readonly onChange: () => void;
  /** The cluster cannot be watched (any more). */
  readonly onError: (error: Error) => void;
}

/** Starts watching. A watch that the server ends is taken up again. */
export function watchObjects<T extends KubernetesObject>(
  cluster: Cluster,
  { what, path, list, fieldSelector }: WatchOptions<T>,
  { onChange, onError }: Watcher,
): WatchedObjects<T> {
  const watch = new ListWatch<T>(path, new Watch(cluster.kubeConfig), list, false, undefined, fieldSelector);
  const fail = (error: unknown) => requested(`Watch of ${what}`, Promise.reject(error)).catch(onError);
  watch.on("change", onChange);
  watch.on("error", fail);
  watch.start().catch(fail);
  return { list: () => watch.list(), stop: () => watch.stop() };
}
