/** What runs in the thread from which a preview looks at the cluster (previewThread.ts). */
import { once } from "node:events";
import { enableCompileCache } from "node:module";
import { parentPort } from "node:worker_threads";
import { findMisfits } from "./misfits.ts";
import type { Question } from "./previewThread.ts";

enableCompileCache();

const client = import("../../mesh/cluster.ts");
const [{ cluster, wanted, timeoutMilliseconds }] = (await once(parentPort!, "message")) as [Question];
const connected = client.then(({ connect }) =>
  connect({ ...cluster, signal: AbortSignal.timeout(timeoutMilliseconds) }),
);
parentPort!.postMessage(await findMisfits(connected, wanted, () => {}));
