/** Reports containers that fail while Pulumi waits: Helm itself only reports a timeout, without a cause. */
import {
  CoreV1Api,
  type KubeConfig,
  makeInformer,
  type V1ContainerStatus,
  type V1Pod,
} from "@kubernetes/client-node";
import { containersOf } from "./machine/cluster.ts";

const shownLogLines = 10;

/**
 * Watches every pod of the cluster, and reports each container that ended with an error: which, how, and its last log
 * lines. A container is reported when it first fails and when the kubelet begins to back off.
 *
 * @returns a function that ends the watch.
 */
export async function watchContainerFailures(config: KubeConfig, report: (text: string) => void) {
  const core = config.makeApiClient(CoreV1Api);
  const seen = new Set<string>();
  const begun = Date.now();
  const informer = makeInformer(config, "/api/v1/pods", () => core.listPodForAllNamespaces());

  const inspect = async (pod: V1Pod) => {
    for (const container of containersOf(pod)) {
      const failure = describeFailure(container);
      if (!failure || failure.at < begun) continue;
      const { namespace = "", name: podName = "" } = pod.metadata ?? {};
      const key = `${namespace}/${podName}/${container.name}/${failure.kind}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const ended = container.state?.terminated !== undefined;
      const log = await core
        .readNamespacedPodLog({
          name: podName,
          namespace,
          container: container.name,
          tailLines: shownLogLines,
          previous: !ended,
        })
        .catch((error: Error) => `(its log cannot be read: ${error.message.split("\n")[0]})`);
      const lines = log.trimEnd().replaceAll(/^/gm, "    ");
      report(`Container ${container.name} of pod ${namespace}/${podName} ${failure.text}\n${lines}`);
    }
  };
  informer.on("add", (pod) => void inspect(pod));
  informer.on("update", (pod) => void inspect(pod));
  // Reporting failures is an aid: a watch that ends must not end what it watches.
  informer.on("error", () => {});
  await informer.start();
  return () => informer.stop();
}

function describeFailure(container: V1ContainerStatus) {
  const terminated = container.state?.terminated ?? container.lastState?.terminated;
  if (!terminated || terminated.exitCode === 0) return undefined;
  const backingOff = container.state?.waiting?.reason === "CrashLoopBackOff";
  const restarts = container.restartCount === 1 ? "1 restart" : `${container.restartCount} restarts`;
  return {
    kind: backingOff ? "CrashLoopBackOff" : "failed",
    // A watch gives times as they were sent, as text.
    at: new Date(terminated.finishedAt ?? 0).getTime(),
    text: `${backingOff ? "is in CrashLoopBackOff" : "failed"}: it ended with exit code ${terminated.exitCode} (${restarts}). Its last lines:`,
  };
}
