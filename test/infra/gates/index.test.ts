import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { familyOfControlPlane } from "../../../components/linkerdControlPlane.ts";
import { gates } from "../../../infra/gates/index.ts";
import { startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
const wanted = { family: familyOfControlPlane({}), installGatewayApi: false, namespace: "linkerd" };
const release = (name: string): pulumi.ResourceTransformArgs => ({
  type: "kubernetes:helm.sh/v3:Release",
  name,
  custom: true,
  props: { name },
  opts: {},
});
/** Begins a program. */
async function start(isPreview: boolean): Promise<void> {
  const mocks = { newResource: () => ({ id: "", state: {} }), call: () => ({}) };
  await pulumi.runtime.setMocks(mocks, "project", "test", isPreview, "organization");
  // The SDK's mock lacks this one, which every hook calls.
  Object.assign(pulumi.runtime.getMonitor()!, {
    registerResourceHook: (_: unknown, done: (error: null, response: object) => void) => done(null, {}),
  });
}

/** A resource on its way through the gate that awaits whether the cluster fits. */
const registered = (transforms: pulumi.ResourceTransform[], name: string) =>
  Promise.resolve(transforms[2]!(release(name)));

beforeEach(() => {
  api.requests = [];
  api.objects = { "/version": { major: "1", minor: "20", gitVersion: "v1.20.0" } };
});

test("a cluster that does not fit ends the program, and keeps Linkerd's releases from an update", async () => {
  await start(false);
  const { transforms, fit } = gates({ kubeconfig: api.kubeconfig }, wanted);
  await assert.rejects(fit, (error: Error) => {
    assert.ok(pulumi.RunError.isInstance(error));
    assert.match(error.message, /the cluster runs v1\.20\.0/);
    return true;
  });
  await registered(transforms, "cert-manager");
  for (const name of ["linkerd-crds", "linkerd-control-plane"]) {
    await assert.rejects(registered(transforms, name), /the cluster runs v1\.20\.0/);
  }
});

test("a preview registers everything while the cluster is asked, and ends with its answer", async () => {
  await start(true);
  const { transforms, fit } = gates({ kubeconfig: api.kubeconfig }, wanted);
  await registered(transforms, "linkerd-control-plane");
  assert.deepEqual(api.requests, [], "nothing has been asked yet");
  await assert.rejects(fit, /the cluster runs v1\.20\.0/);
});

test("a preview goes on half a second after it began to ask a cluster that is silent", async () => {
  await start(true);
  await import("../../../mesh/cluster.ts");
  api.objects = { "/version": () => new Promise(() => {}) };
  const begun = performance.now();
  const { fit } = gates({ kubeconfig: api.kubeconfig }, wanted);
  await fit;
  const elapsed = performance.now() - begun;
  assert.ok(elapsed > 400 && elapsed < 1500, `${elapsed} ms`);
});
