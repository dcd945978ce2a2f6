import assert from "node:assert/strict";
import { test } from "node:test";
import { type DatedHolders, paceOf } from "../../../rules/rotation/pace.ts";
import { authority, hoursFromNow, now, parsed } from "../../certificates.ts";

const [old, next] = await Promise.all(
  ["root.linkerd.cluster.local", "root-2.linkerd.cluster.local"].map(async (commonName) =>
    parsed((await authority({ commonName, notAfter: hoursFromNow(87_600) })).certificate),
  ),
);
const pod = (namespace: string, name: string, hours: number) => ({
  workload: { namespace, kind: "Deployment", name },
  createdAt: hoursFromNow(hours),
});
const pace = (...held: DatedHolders[]) =>
  paceOf((anchors) => anchors?.includes(next!) === true, held, "linkerd", now);

test("those that have run longest come first, and the rest goes on as pods have been restarted", () => {
  const { waiting, ...rest } = pace(
    { anchors: [old!], pods: [pod("shop", "web", -90), pod("shop", "cart", -800), pod("shop", "web", -900)] },
    { pods: [pod("shop", "batch", -1)] },
    { anchors: [old!, next!], pods: [pod("linkerd", "linkerd-identity", -10), pod("shop", "api", -4)] },
  );
  assert.deepEqual(
    waiting.map(({ workload, pods, startedAt }) => [workload.name, pods, startedAt]),
    [
      ["web", 2, hoursFromNow(-900)],
      ["cart", 1, hoursFromNow(-800)],
      ["batch", 1, hoursFromNow(-1)],
    ],
  );
  // One in ten hours, and four are left.
  assert.deepEqual(rest, { restarted: 1, all: 5, since: hoursFromNow(-10), throughAt: hoursFromNow(40) });
});

test("where nobody has been restarted, nobody can say when", () => {
  const controlPlane = { anchors: [next!], pods: [pod("linkerd", "linkerd-identity", -10)] };
  const others = { anchors: [old!], pods: [pod("shop", "web", -90)] };
  const { waiting, ...rest } = pace(controlPlane, others);
  assert.equal(waiting.length, 1);
  assert.deepEqual(rest, { restarted: 0, all: 1, since: hoursFromNow(-10) });
  assert.deepEqual(Object.keys(pace(others)), ["waiting", "restarted", "all"]);
});

test("where everyone has been, nobody is waited for", () => {
  const { waiting, throughAt } = pace({ anchors: [next!], pods: [pod("shop", "web", -1)] });
  assert.deepEqual({ waiting, throughAt }, { waiting: [], throughAt: undefined });
});
