import assert from "node:assert/strict";
import { test } from "node:test";
import { listUnmeshed } from "../../mesh/unmeshedPods.ts";
import { startApiServer } from "./apiServer.ts";

const api = await startApiServer();

const pod = (name: string, annotations = {}, namespace = "shop", deletionTimestamp?: string) => ({
  metadata: { name, namespace, annotations, ...(deletionTimestamp && { deletionTimestamp }) },
});

test("pods that should have a proxy, and have none, are those of namespaces and pods that ask for one", async () => {
  const proxy = { "linkerd.io/proxy-version": "edge" };
  const asks = { "linkerd.io/inject": "enabled" };
  api.objects = {
    "/api/v1/namespaces": {
      metadata: {},
      items: [{ metadata: { name: "shop", annotations: asks } }, { metadata: { name: "plain" } }],
    },
    "/api/v1/pods": {
      metadata: {},
      items: [
        pod("bare"),
        pod("meshed", proxy),
        pod("declines", { "linkerd.io/inject": "disabled" }),
        pod("on-host"),
        pod("gone"),
        pod("leaving", {}, "shop", "2026-01-01T00:00:00Z"),
        pod("outside", {}, "plain"),
        pod("asks", asks, "plain"),
      ],
    },
    "/api/v1/namespaces/shop/pods/bare": { spec: {} },
    "/api/v1/namespaces/shop/pods/leaving": { spec: {} },
    "/api/v1/namespaces/shop/pods/on-host": { spec: { hostNetwork: true } },
    "/api/v1/namespaces/plain/pods/asks": { spec: {} },
  };
  assert.deepEqual(
    (await listUnmeshed(api.cluster)).map(({ namespace, name }) => `${namespace}/${name}`),
    ["shop/bare", "plain/asks"],
  );
});
