import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1LabelSelector } from "@kubernetes/client-node";
import { allowsDisruption, covers, listBudgets } from "../../mesh/disruptionBudgets.ts";
import { startApiServer } from "./apiServer.ts";

const api = await startApiServer();

test("a budget covers what its selector matches", () => {
  const labels = { app: "web", tier: "front" };
  const expression = (key: string, operator: string, values?: string[]) => ({
    matchExpressions: [{ key, operator, ...(values && { values }) }],
  });
  for (const [selector, expected] of [
    [{}, true],
    [{ matchLabels: { app: "web" } }, true],
    [{ matchLabels: { app: "web", tier: "back" } }, false],
    [expression("app", "In", ["db", "web"]), true],
    [expression("zone", "In", ["a"]), false],
    [expression("app", "NotIn", ["web"]), false],
    [expression("zone", "NotIn", ["a"]), true],
    [expression("tier", "Exists"), true],
    [expression("tier", "DoesNotExist"), false],
    [undefined, false],
  ] as [V1LabelSelector | undefined, boolean][]) {
    assert.equal(
      covers({ spec: { ...(selector && { selector }) } }, labels),
      expected,
      JSON.stringify(selector),
    );
  }
});

test("it allows what its controller has counted, and nothing before that", () => {
  const budget = (generation: number, disruptionsAllowed: number) => ({
    metadata: { generation },
    status: {
      ...{ observedGeneration: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 },
      disruptionsAllowed,
    },
  });
  assert.equal(allowsDisruption(budget(1, 1)), true);
  assert.equal(allowsDisruption(budget(1, 0)), false);
  assert.equal(allowsDisruption(budget(2, 1)), false);
  assert.equal(allowsDisruption({}), false);
});

test("where the cluster does not know the kind, there is none", async () => {
  assert.deepEqual(await listBudgets(api.cluster, "shop"), []);
});
