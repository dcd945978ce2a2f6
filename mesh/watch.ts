/** Objects of a cluster, kept up to date by a watch. */
import { type KubernetesListObject, type KubernetesObject, ListWatch, Watch } from "@kubernetes/client-node";
import type { Cluster } from "./cluster.ts";
import { requested, statusOf } from "./requests.ts";

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
  /** The cluster refuses to be watched. */
  readonly onError: (error: Error) => void;
}

const reconnectDelayMilliseconds = 1_000;

/** Starts watching. A watch that ends is taken up again, unless the API server refuses it. */
export function watchObjects<T extends KubernetesObject>(
  cluster: Cluster,
  { what, path, list, fieldSelector }: WatchOptions<T>,
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
