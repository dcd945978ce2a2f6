import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import type { RotatingLinkerd } from "../../../components/rotatingLinkerd.ts";
import { gates } from "../../../infra/gates/index.ts";
import { authority } from "../../certificates.ts";
import { startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
/** Begins a program. */
async function start(isPreview: boolean): Promise<void> {
  const mocks = { newResource: () => ({ id: "", state: {} }), call: () => ({}) };
  await pulumi.runtime.setMocks(mocks, "project", "test", isPreview, "organization");
  // The SDK's mock lacks this one, which every hook calls.
  Object.assign(pulumi.runtime.getMonitor()!, {
    registerResourceHook: (_: unknown, done: (error: null, response: object) => void) => done(null, {}),
  });
}

/** Stands for the component, of which a run waits until it is done. */
const installed = { linkerdControlPlaneChartVersion: pulumi.output("2026.8.3") } as RotatingLinkerd;

beforeEach(() => {
  api.requests = [];
  api.objects = { "/version": { major: "1", minor: "20", gitVersion: "v1.20.0" } };
});

test("a cluster that does not fit ends an update before anything is registered", async () => {
  await start(false);
  await assert.rejects(gates({ kubeconfig: api.kubeconfig }, {}), (error: Error) => {
    assert.ok(pulumi.RunError.isInstance(error));
    assert.match(error.message, /the cluster runs v1\.20\.0/);
    return true;
  });
});

test("a preview goes on while the cluster is asked, and ends with its answer", async () => {
  await start(true);
  const { finish } = await gates({ kubeconfig: api.kubeconfig }, {});
  assert.deepEqual(api.requests, [], "nothing has been asked yet");
  await assert.rejects(finish(installed), /the cluster runs v1\.20\.0/);
});

test("an anchor that would sign, or go, too early ends a preview and an update alike", async () => {
  const { certificate } = await authority({ commonName: "root.linkerd.cluster.local" });
  api.objects = {
    "/version": { major: "1", minor: "31", gitVersion: "v1.31.0" },
    "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots": {
      data: { "ca-bundle.crt": certificate.toString() },
    },
  };
  for (const isPreview of [true, false]) {
    await start(isPreview);
    const args = { trustAnchor: { generations: [2], signing: 2 } };
    const verdict = gates({ kubeconfig: api.kubeconfig }, args).then(({ finish }) => finish(installed));
    await assert.rejects(verdict, (error: Error) => {
      assert.ok(pulumi.RunError.isInstance(error));
      assert.match(error.message, /trustAnchor\.signing: Generation 2 is to sign/);
      assert.match(
        error.message,
        /trustAnchor\.generations: \[2\] would take "root\.linkerd\.cluster\.local"/,
      );
      return true;
    });
  }
});

test("a preview goes on some seconds after it began to ask a cluster that is silent", async () => {
  await start(true);
  await import("../../../mesh/cluster.ts");
  api.objects = { "/version": () => new Promise(() => {}) };
  const begun = performance.now();
  const { finish } = await gates({ kubeconfig: api.kubeconfig }, {});
  await finish(installed);
  const elapsed = performance.now() - begun;
  assert.ok(elapsed > 1900 && elapsed < 20_000, `${elapsed} ms`);
});
