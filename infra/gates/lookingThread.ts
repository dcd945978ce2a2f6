/** What runs in the thread from which a preview looks at the cluster (previewThread.ts). */
import { parentPort } from "node:worker_threads";
import { statusOf } from "../../mesh/requests.ts";
import { lookWith } from "./looks.ts";
import type { Answer, Question } from "./previewThread.ts";

const client = import("../../mesh/cluster.ts");
/** Ends all looks once the cluster has left one unanswered: a preview is not held up by each of them. */
const silence = new AbortController();
let look: ReturnType<typeof lookWith> | undefined;

parentPort!.on("message", async ({ id, cluster, name, args, timeoutMilliseconds }: Question) => {
  const { connect } = await client;
  look ??= lookWith((async () => connect({ ...cluster, signal: silence.signal }))());
  const timer = setTimeout(
    () => silence.abort(new DOMException("The cluster is silent.", "TimeoutError")),
    timeoutMilliseconds,
  );
  let answer: Answer;
  try {
    answer = { id, value: await look(name, ...args) };
  } catch (error) {
    const { message, cause } = error as Error;
    answer = { id, error: { message, status: statusOf(cause ?? error) } };
  }
  clearTimeout(timer);
  parentPort!.postMessage(answer);
});
