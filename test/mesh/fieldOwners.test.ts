import assert from "node:assert/strict";
import { test } from "node:test";
import { disown } from "../../mesh/fieldOwners.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const path = "/api/v1/namespaces/linkerd/secrets/anchor";
const patch = `PATCH ${path}?fieldManager=linkerd-credentials`;
const reference = { apiVersion: "v1", kind: "Secret", name: "anchor", namespace: "linkerd" };

/** Answers each request for the Secret with the next of these; the last stays. */
function answering(...answers: readonly unknown[]) {
  const left = [...answers];
  api.requests = [];
  api.objects = { [path]: () => (left.length > 1 ? left.shift() : left[0]) };
}

const owned = (...managedFields: readonly object[]) => ({
  metadata: { resourceVersion: "7", managedFields },
});
const kubectl = { manager: "kubectl-create", operation: "Update", fieldsV1: { "f:data": {} } };
const former = { manager: "pulumi-kubernetes-1a2b", operation: "Apply", fieldsV1: { "f:data": {} } };
const status = { manager: "pulumi-kubernetes-1a2b", operation: "Update", subresource: "status" };
const isPulumi = (manager: string) => manager.startsWith("pulumi-");

test("the fields of former owners are nobody's, and all else stays as it is", async () => {
  answering(owned(kubectl, former, status));
  await disown(api.cluster, reference, isPulumi);
  assert.deepEqual(api.requests, [`GET ${path}`, patch]);
  assert.deepEqual(JSON.parse(api.body), {
    metadata: { resourceVersion: "7", managedFields: [kubectl, status] },
  });
  assert.equal(api.headers["content-type"], "application/merge-patch+json");
});

test("where all are former ones, the list is emptied as the API server has it", async () => {
  answering(owned(kubectl, former));
  await disown(api.cluster, reference, () => true);
  assert.deepEqual(JSON.parse(api.body).metadata.managedFields, [{}]);
});

test("where there is none, nothing is written", async () => {
  for (const [object, isFormer] of [
    [owned(kubectl, status), isPulumi],
    [owned(status), () => true],
    [{ metadata: {} }, () => true],
  ] as const) {
    answering(object);
    await disown(api.cluster, reference, isFormer);
    assert.deepEqual(api.requests, [`GET ${path}`]);
  }
});

test("what is written meanwhile is looked at again, but not for ever", async () => {
  const conflict = new Refusal(409, "the object has been modified");
  answering(owned(former), conflict, owned(kubectl));
  await disown(api.cluster, reference, isPulumi);
  assert.deepEqual(api.requests, [`GET ${path}`, patch, `GET ${path}`]);

  answering(
    ...Array.from({ length: 9 }, (_, place) => (place % 2 === 0 ? owned(former) : conflict)),
    conflict,
  );
  await assert.rejects(disown(api.cluster, reference, isPulumi), {
    message: "Secret linkerd/anchor: the object has been modified (HTTP 409).",
  });
  assert.equal(api.requests.length, 10);
});

test("any other refusal ends it, with the object's name", async () => {
  answering(owned(former), new Refusal(403, "no"));
  await assert.rejects(disown(api.cluster, reference, isPulumi), {
    message: "Secret linkerd/anchor: no (HTTP 403).",
  });
  assert.equal(api.requests.length, 2);
});
