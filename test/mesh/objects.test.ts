import assert from "node:assert/strict";
import { test } from "node:test";
import { findObject } from "../../mesh/objects.ts";
import { startApiServer } from "./apiServer.ts";

const api = await startApiServer();

test("an object is looked for by the name that the API has for its kind, and as its metadata alone", async () => {
  for (const [apiVersion, kind, namespace, path] of [
    ["v1", "Namespace", undefined, "/api/v1/namespaces/a"],
    ["v1", "Secret", "n", "/api/v1/namespaces/n/secrets/a"],
    ["cert-manager.io/v1", "ClusterIssuer", undefined, "/apis/cert-manager.io/v1/clusterissuers/a"],
    [
      "networking.k8s.io/v1",
      "NetworkPolicy",
      "n",
      "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/a",
    ],
    ["networking.k8s.io/v1", "Ingress", "n", "/apis/networking.k8s.io/v1/namespaces/n/ingresses/a"],
  ] as const) {
    const managedFields = [
      { manager: "cert-manager-issuers", subresource: "status" },
      { manager: "kubectl" },
      { manager: "kubectl" },
    ];
    api.objects = { [path]: { metadata: { labels: { a: "b" }, managedFields }, data: { key: "c2VjcmV0" } } };
    const found = await findObject(api.cluster, { apiVersion, kind, name: "a", namespace });
    assert.deepEqual(found, { labels: { a: "b" }, annotations: {}, managers: ["kubectl"] }, path);
    assert.match(`${api.headers.accept}`, /as=PartialObjectMetadata/);
  }
  api.objects = {};
  const absent = { apiVersion: "v1", kind: "Secret", name: "a", namespace: "n" };
  assert.equal(await findObject(api.cluster, absent), undefined);
});
