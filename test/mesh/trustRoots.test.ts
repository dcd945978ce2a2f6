import assert from "node:assert/strict";
import { test } from "node:test";
import { readTrustRoots, writeTrustRoots } from "../../mesh/trustRoots.ts";
import { startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };
const configMaps = "/api/v1/namespaces/linkerd/configmaps";
const path = `${configMaps}/linkerd-identity-trust-roots`;

test("a ConfigMap of anchors that is there is changed, and no other of its fields", async () => {
  api.objects = { [path]: { data: { "ca-bundle.crt": "damaged" } } };
  assert.equal(await readTrustRoots(mesh), "damaged");
  api.requests = [];
  await writeTrustRoots(mesh, "linkerd-control-plane", "the anchors");
  assert.deepEqual(
    api.requests.map((request) => request.split(" ")[0]),
    ["GET", "PATCH"],
  );
  assert.equal(api.headers["content-type"], "application/merge-patch+json");
});

test("one that is missing is made", async () => {
  api.objects = { [configMaps]: {} };
  assert.equal(await readTrustRoots(mesh), undefined);
  api.requests = [];
  await writeTrustRoots(mesh, "linkerd-control-plane", "the anchors");
  assert.deepEqual(
    api.requests.map((request) => request.split(" ")[0]),
    ["GET", "POST"],
  );
  // Helm takes no object for its own without these.
  const { metadata, data } = JSON.parse(api.body);
  assert.deepEqual(data, { "ca-bundle.crt": "the anchors" });
  assert.equal(metadata.labels["app.kubernetes.io/managed-by"], "Helm");
  assert.deepEqual(metadata.annotations, {
    "meta.helm.sh/release-name": "linkerd-control-plane",
    "meta.helm.sh/release-namespace": "linkerd",
  });
});
