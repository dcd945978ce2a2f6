/**
 * The thread from which a preview looks at the cluster.
 *
 * To load the Kubernetes client takes longer than all the rest of a program. So it is loaded beside that, from the moment
 * when Node starts where infra/prepare.cjs is loaded first.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { KubeConfigOptions } from "../../mesh/kubeConfig.ts";
import type { Look } from "./looks.ts";

/** A look that the thread is asked for. */
export interface Question {
  readonly id: number;
  readonly cluster: KubeConfigOptions;
  readonly name: Parameters<Look>[0];
  readonly args: never;
  /** How long the cluster may take; it counts from the moment when the client is loaded. */
  readonly timeoutMilliseconds: number;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | {
      readonly id: number;
      readonly error: { readonly message: string; readonly status: number | undefined };
    };

let waiting: Worker | undefined;
/** Why a thread has ended, where it has. */
const ended = new WeakMap<Worker, Error>();

/** Starts a thread, which waits for its questions. It does not keep the program alive. */
export function startThread(): Worker {
  if (waiting === undefined) {
    // Compiled, this file and the thread's are JavaScript.
    const file = new URL(`./lookingThread${extname(import.meta.filename)}`, import.meta.url);
    // What it loads was compiled by a run before. Without the program's own options for Node, which would load Pulumi.
    const code = `require("node:module").enableCompileCache(); import(${JSON.stringify(file.href)});`;
    const thread = new Worker(code, { eval: true, execArgv: [] });
    thread.on("error", (error) => ended.set(thread, error));
    thread.on("exit", () => {
      if (!ended.has(thread)) ended.set(thread, new Error("The thread that looks at the cluster has ended."));
    });
    thread.unref();
    waiting = thread;
  }
  return waiting;
}

/** Looks from the thread, which is this caller's from now on, and ends with the program. */
export function lookFromThread(cluster: KubeConfigOptions, timeoutMilliseconds: number): Look {
  const thread = startThread();
  waiting = undefined;
  const asked = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  /** The thread keeps the program alive as long as something is asked. */
  const settle = (id: number) => {
    const question = asked.get(id);
    asked.delete(id);
    if (asked.size === 0) thread.unref();
    return question;
  };
  thread.on("message", (answer: Answer) => {
    const question = settle(answer.id);
    if ("value" in answer) question?.resolve(answer.value as never);
    else question?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.status }));
  });
  thread.on("exit", () => {
    for (const id of asked.keys()) settle(id)?.reject(ended.get(thread)!);
  });
  thread.unref();
  let last = 0;
  return ((name: Question["name"], ...args: unknown[]) => {
    const error = ended.get(thread);
    if (error !== undefined) return Promise.reject(error);
    const { promise, resolve, reject } = Promise.withResolvers<never>();
    const id = ++last;
    asked.set(id, { resolve, reject });
    thread.ref();
    thread.postMessage({ id, cluster, name, args, timeoutMilliseconds });
    return promise;
  }) as Look;
}
