import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeldBundle } from "../../../mesh/meshedPods.ts";
import { restartAll, restartsFor } from "../../../operations/rotate/restart.ts";
import { authority, hoursFromNow, parsed } from "../../certificates.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };
const [old, next] = (
  await Promise.all(["root", "root-2"].map((name) => authority({ commonName: `${name}.linkerd.x` })))
).map(({ certificate }) => parsed(certificate));

const pod = (kind: string, name: string, hours = -1) => ({
  namespace: "shop",
  name: `${name}-${hours}`,
  workload: { namespace: "shop", kind, name },
  createdAt: hoursFromNow(hours),
});
const holding = (anchors: HeldBundle["anchors"], ...pods: HeldBundle["pods"][number][]): HeldBundle => ({
  state: "overlapping",
  skipped: 0,
  pods,
  ...(anchors && { anchors }),
});

test("what does not hold the root is restarted, the oldest first; what cannot be is named", () => {
  const held = [
    holding([old!], pod("Deployment", "web"), pod("Deployment", "db", -9), pod("Deployment", "web", -2)),
    holding(undefined, pod("StatefulSet", "queue", -5), pod("Job", "once", -4)),
    holding([old!, next!], pod("Deployment", "new", -99)),
  ];
  const { workloads, others } = restartsFor(held, next!);
  assert.deepEqual(
    workloads.map(({ name }) => name),
    ["db", "queue", "web"],
  );
  assert.deepEqual(
    others.map(({ kind }) => kind),
    ["Job"],
  );
  assert.deepEqual(restartsFor([held[2]!], next!), { workloads: [], others: [] });
});

const path = (kind: string, name: string) => `/apis/apps/v1/namespaces/shop/${kind}/${name}`;
const through = (status: object) => ({
  metadata: { generation: 2 },
  spec: { replicas: 2 },
  status: { observedGeneration: 2, ...status },
});
const replicas = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };

test("each is waited for until its new pods are available", async () => {
  let looks = 0;
  api.requests = [];
  api.objects = {
    [path("deployments", "web")]: () => through(looks++ < 2 ? { ...replicas, updatedReplicas: 1 } : replicas),
    [path("statefulsets", "queue")]: through(replicas),
    [path("daemonsets", "agent")]: through({
      desiredNumberScheduled: 2,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
    }),
  };
  const workloads = [pod("Deployment", "web"), pod("StatefulSet", "queue"), pod("DaemonSet", "agent")].map(
    ({ workload }) => workload,
  );
  const told: string[] = [];
  await restartAll(mesh, { workloads, others: [pod("Job", "once").workload] }, (line) => told.push(line));
  assert.equal(api.requests.filter((request) => request.startsWith("PATCH")).length, 3);
  assert.equal(told[0], "Job shop/once has to be made anew by whoever has made it.");
  assert.equal(told.at(-1), "Deployment shop/web has restarted (3 of 3).");
});

test("nothing more is restarted after one that cannot be", async () => {
  api.requests = [];
  api.objects = { [path("deployments", "a")]: new Refusal(403, "forbidden") };
  const workloads = ["a", "b", "c", "d", "e", "f"].map((name) => pod("Deployment", name).workload);
  await assert.rejects(
    restartAll(mesh, { workloads, others: [] }, () => {}),
    /Deployment shop\/[a-d]: /,
  );
  assert.ok(!api.requests.some((request) => /\/f(\?|$)/.test(request)), api.requests.join());
});
