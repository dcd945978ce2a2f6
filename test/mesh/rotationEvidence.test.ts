import assert from "node:assert/strict";
import { test } from "node:test";
import { readRemaining } from "../../mesh/rotationEvidence.ts";
import { installationAnnotation } from "../../rules/mesh/owner.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };
const secrets = "/api/v1/namespaces/linkerd/secrets";
const made = (installation?: string) => ({
  metadata: installation === undefined ? {} : { annotations: { [installationAnnotation]: installation } },
});
const remaining = async (before: object, ...generations: number[]) => {
  api.objects = {
    [`${secrets}/linkerd-trust-anchor`]: before,
    [`${secrets}/linkerd-trust-anchor-2`]: made("ours"),
  };
  return readRemaining(mesh, { generations });
};

test("a generation that a run was to delete, and has not, is still there", async () => {
  assert.deepEqual(await remaining(made("ours"), 2), ["generation 1 is still there, with its key"]);
});

test("a Secret of its name that is someone else's is not waited for", async () => {
  assert.deepEqual(await remaining(made("theirs"), 2), []);
  assert.deepEqual(await remaining(made(), 2), []);
  assert.deepEqual(await remaining(made("ours"), 1, 2), []);
});

test("who may not see it is not held up, and a server that fails is told of", async () => {
  assert.deepEqual(await remaining(new Refusal(403, "forbidden"), 2), []);
  await assert.rejects(remaining(new Refusal(500, "broken"), 2), /Secret of generation 1/);
});
