import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeldBundle } from "../../mesh/meshedPods.ts";
import { estimateOf, restartAll, restartsFor } from "../../operations/restart.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { authority, hoursFromNow, parsed } from "../certificates.ts";
import { Refusal, startApiServer } from "../mesh/apiServer.ts";

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
  const { workloads, others } = restartsFor(held, holds(next!));
  assert.deepEqual(
    workloads.map(({ workload, pods }) => `${workload.name} ${pods}`),
    ["db 1", "queue 1", "web 2"],
  );
  assert.deepEqual(
    others.map(({ kind }) => kind),
    ["Job"],
  );
  assert.deepEqual(restartsFor([held[2]!], holds(next!)), { workloads: [], others: [] });
});

const holds = (root: ParsedCertificate) => (anchors: readonly ParsedCertificate[] | undefined) =>
  anchors?.includes(root) === true;
const restartOf = (kind: string, name: string) => ({ workload: pod(kind, name).workload, pods: 1 });

test("how long it takes follows from the batches, and from what identity issues", () => {
  const some = (count: number, pods: number) => ({
    workloads: Array.from({ length: count }, () => ({ ...restartOf("Deployment", "web"), pods })),
    others: [],
  });
  assert.equal(estimateOf(some(0, 0)), 0);
  assert.equal(estimateOf(some(9, 1)), 3 * 60_000);
  assert.equal(estimateOf(some(4, 500)), 400_000);
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
    [path("deployments", "web")]: () =>
      through(looks++ === 3 ? { ...replicas, updatedReplicas: 1 } : replicas),
    [path("statefulsets", "queue")]: through(replicas),
    [path("daemonsets", "agent")]: through({
      desiredNumberScheduled: 2,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
    }),
  };
  const workloads = [
    ["Deployment", "web"],
    ["StatefulSet", "queue"],
    ["DaemonSet", "agent"],
  ].map(([kind, name]) => restartOf(kind!, name!));
  const told: string[] = [];
  await restartAll(mesh, { workloads, others: [pod("Job", "once").workload] }, (line) => told.push(line));
  assert.equal(api.requests.filter((request) => request.startsWith("PATCH")).length, 3);
  assert.equal(told[0], "Job shop/once has to be made anew by whoever has made it.");
  assert.equal(told.at(-1), "Deployment shop/web has restarted (3 of 3).");
});

test("nothing more is restarted after one that cannot be", async () => {
  api.requests = [];
  api.objects = { [path("deployments", "a")]: new Refusal(403, "forbidden") };
  const workloads = ["a", "b", "c", "d", "e", "f"].map((name) => restartOf("Deployment", name));
  await assert.rejects(
    restartAll(mesh, { workloads, others: [] }, () => {}),
    /Deployment shop\/[a-d]: /,
  );
  assert.ok(!api.requests.some((request) => /\/f(\?|$)/.test(request)), api.requests.join());
});

const budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets";
const budgetOf = (name: string, matchLabels: object, disruptionsAllowed: number) => ({
  metadata: { name, generation: 1 },
  spec: { selector: { matchLabels } },
  status: { observedGeneration: 1, disruptionsAllowed },
});
const labelled = (app: string, status: object = replicas) => ({
  ...through(status),
  spec: { replicas: 2, template: { metadata: { labels: { app } } } },
});

test("a workload waits until its budget allows a disruption, and says for which", async () => {
  let looks = 0;
  api.requests = [];
  api.objects = {
    [budgets]: { items: [budgetOf("others", { app: "db" }, 0), budgetOf("web", { app: "web" }, 0)] },
    [`${budgets}/web`]: () => budgetOf("web", { app: "web" }, looks++ === 0 ? 0 : 1),
    [path("deployments", "web")]: labelled("web"),
    [path("deployments", "api")]: labelled("api"),
  };
  const told: string[] = [];
  const workloads = [restartOf("Deployment", "web"), restartOf("Deployment", "api")];
  await restartAll(mesh, { workloads, others: [] }, (line) => told.push(line));
  assert.deepEqual(
    [told.find((line) => / waits /.test(line)), told.at(-1)],
    [
      "Deployment shop/web waits for PodDisruptionBudget shop/web, which allows no disruption now.",
      "Deployment shop/web has restarted (2 of 2).",
    ],
  );
  assert.equal(looks, 2);
});

test("what is being rolled out already is waited for, and what a restart would not replace is named", async () => {
  let looks = 0;
  api.requests = [];
  api.objects = {
    [path("deployments", "web")]: () =>
      labelled("web", looks++ < 3 ? { replicas: 3, updatedReplicas: 1, availableReplicas: 2 } : replicas),
    [path("deployments", "still")]: { ...labelled("still"), spec: { paused: true } },
    [path("statefulsets", "disk")]: { spec: { updateStrategy: { type: "OnDelete" } } },
  };
  const told: string[] = [];
  const workloads = [
    restartOf("Deployment", "web"),
    restartOf("Deployment", "still"),
    restartOf("StatefulSet", "disk"),
    restartOf("Rollout", "canary"),
  ];
  await restartAll(mesh, { workloads, others: [] }, (line) => told.push(line));
  assert.deepEqual(
    api.requests.filter((request) => request.startsWith("PATCH")),
    [],
  );
  assert.deepEqual(told, [
    "Deployment shop/still is paused: it is not restarted.",
    "StatefulSet shop/disk replaces a pod only when someone deletes it (updateStrategy OnDelete): it is not restarted.",
    "Rollout shop/canary does not exist any more: it is not restarted.",
    "Deployment shop/web has restarted (1 of 4).",
  ]);
});

test("a Rollout of Argo's is restarted by its own word", async () => {
  const rollout = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/canary";
  let restartAt: string | undefined;
  api.requests = [];
  api.objects = {
    [rollout]: () => ({
      metadata: { generation: 1 },
      spec: { selector: { matchLabels: { app: "canary" } }, restartAt },
      status: { observedGeneration: "1", phase: "Healthy", restartedAt: restartAt },
    }),
  };
  await restartAll(mesh, { workloads: [restartOf("Rollout", "canary")], others: [] }, () => {
    restartAt = "now";
  });
  assert.equal(api.requests.filter((request) => request === `PATCH ${rollout}`).length, 1);
});
