/** Objects of a cluster, listed once or kept up to date by a watch. */
import { type KubernetesListObject, type KubernetesObject, ListWatch, Watch } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { found, requested, statusOf } from "./requests.ts";

export interface WatchedObjects<T> {
  readonly list: () => readonly T[];
  readonly stop: () => void;
}

/** Which objects. */
export interface Listing<T extends KubernetesObject> {
  /** What to call them in error messages. */
  readonly what: string;
  /** Where the API has these objects. */
  readonly path: string;
  readonly list: () => Promise<KubernetesListObject<T>>;
  readonly fieldSelector?: string;
}

export interface Watcher {
  readonly onChange: () => void;
  /** The cluster refuses to be watched. */
  readonly onError: (error: Error) => void;
}

const reconnectDelayMilliseconds = 1_000;

/** Lists them once; none if the cluster does not know their kind. */
export async function listObjects<T extends KubernetesObject>({ what, list }: Listing<T>): Promise<T[]> {
  return (await found(what, list()))?.items ?? [];
}

/** Starts watching. A watch that ends is taken up again, unless the API server refuses it. */
export function watchObjects<T extends KubernetesObject>(
  cluster: Cluster,
  { what, path, list, fieldSelector }: Listing<T>,
  { onChange, onError }: Watcher,
): WatchedObjects<T> {
  const watch = new ListWatch<T>(path, new Watch(cluster.kubeConfig), list, false, undefined, fieldSelector);
  let stopped = false;
  const start = () => {
    if (!stopped) watch.start().catch(onEnd);
  };
  const onEnd = (error: unknown) => {
    // Stopping ends the request with an error, too.
    if (stopped) return;
    if (statusOf(error) === undefined) setTimeout(start, reconnectDelayMilliseconds).unref();
    else requested(`Watch of ${what}`, Promise.reject(error)).catch(onError);
  };
  watch.on("change", onChange);
  watch.on("error", onEnd);
  start();
  const stop = () => {
    stopped = true;
    watch.stop();
  };
  return { list: () => watch.list(), stop };
}
