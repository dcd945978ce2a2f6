/** The thread in which a preview looks whether the cluster fits. */
import { enableCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { findMisfits } from "./misfits.ts";

enableCompileCache();

const { cluster, wanted, timeoutMilliseconds } = workerData;
const connected = import("../../mesh/cluster.ts").then(({ connect }) =>
  connect({ ...cluster, signal: AbortSignal.timeout(timeoutMilliseconds) }),
);
parentPort!.postMessage(await findMisfits(connected, wanted, () => {}));
