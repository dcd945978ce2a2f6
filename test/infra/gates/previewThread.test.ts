import assert from "node:assert/strict";
import { test } from "node:test";
import { lookFromThread, startThread } from "../../../infra/gates/previewThread.ts";

test("a thread that has ended before it is asked anything gives an error, and nobody waits", async () => {
  await startThread().terminate();
  const look = lookFromThread({}, 1000);
  await assert.rejects(look("listReleases", []), /The thread that looks at the cluster has ended/);
});

test("a thread that ends while it is asked gives one, too", async () => {
  const thread = startThread();
  const asked = lookFromThread({ kubeconfig: "/dev/null" }, 60_000)("listReleases", []);
  const rejected = assert.rejects(asked, /The thread that looks at the cluster has ended/);
  await thread.terminate();
  await rejected;
});
