/**
 * The thread from which a preview looks at the cluster.
 *
 * To load the Kubernetes client takes longer than all the rest of a program. So it is loaded beside that, from the moment
 * when Node starts where infra/prepare.cjs is loaded first.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import type { Finding } from "../../rules/finding.ts";
import type { Wanted } from "./misfits.ts";

/** What a thread is asked, once. */
export interface Question {
  readonly cluster: KubeConfigOptions;
  readonly wanted: Wanted;
  /** Counts from the moment when the client is loaded. */
  readonly timeoutMilliseconds: number;
}

interface Looking {
  readonly thread: Worker;
  readonly answer: Promise<Finding[]>;
}

let waiting: Looking | undefined;

/** Starts a thread, which waits for its question. It does not keep the program alive. */
export function startThread(): Looking {
  waiting ??= start();
  return waiting;
}

function start(): Looking {
  // Compiled, this file and the thread's are JavaScript.
  const file = new URL(`./lookingThread${extname(import.meta.filename)}`, import.meta.url);
  // Without the program's own options for Node, which would load Pulumi.
  const thread = new Worker(file, { execArgv: [] });
  const { promise: answer, resolve, reject } = Promise.withResolvers<Finding[]>();
  thread.once("message", resolve);
  thread.once("error", reject);
  thread.once("exit", () => reject(new Error("The thread that looks at the cluster has ended.")));
  // Whoever asks hears of it.
  answer.catch(() => {});
  // Last: to listen keeps the program alive.
  thread.unref();
  return { thread, answer };
}

/**
 * What does not fit.
 *
 * @throws Error if the thread cannot look.
 */
export async function askThread(question: Question): Promise<Finding[]> {
  const { thread, answer } = startThread();
  waiting = undefined;
  thread.ref();
  thread.postMessage(question);
  try {
    return await answer;
  } finally {
    await thread.terminate();
  }
}
