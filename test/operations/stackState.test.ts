import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf } from "../../operations/stackState.ts";

const urn = (name: string) => `urn:pulumi:dev::linkerd-rotating-tls::type::${name}`;

const secret = {
  urn: urn("linkerd-trust-anchor"),
  type: "kubernetes:core/v1:Secret",
  inputs: {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "linkerd-trust-anchor", namespace: "linkerd" },
    data: { ciphertext: "v1:…" },
  },
};
const release = {
  urn: urn("linkerd-control-plane"),
  type: "kubernetes:helm.sh/v3:Release",
  inputs: { name: "linkerd-control-plane", values: { identityTrustAnchorsPEM: "the anchors\n" } },
};
const patch = {
  urn: urn("linkerd-proxy-injector"),
  type: "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfigurationPatch",
  inputs: { apiVersion: "admissionregistration.k8s.io/v1", kind: "X", metadata: { name: "x" } },
};

test("a state says what the stack has made, without what is the chart's or only patched", () => {
  const { objects, bundle } = stateOf({ deployment: { resources: [secret, release, patch] } });
  assert.deepEqual(objects, [
    { apiVersion: "v1", kind: "Secret", name: "linkerd-trust-anchor", namespace: "linkerd", spec: undefined },
  ]);
  assert.deepEqual(bundle, { release: "linkerd-control-plane", pem: "the anchors" });
});

test("what a killed Pulumi was at is told", () => {
  const killedAt = (type: string) =>
    stateOf({ deployment: { pending_operations: [{ type, resource: release }] } });
  const { pending, hasPendingCreates } = killedAt("updating");
  assert.deepEqual(pending, ["It was killed while it was updating linkerd-control-plane."]);
  assert.deepEqual([hasPendingCreates, killedAt("creating").hasPendingCreates], [false, true]);
});

test("a stack that has made nothing yet has nothing", () => {
  assert.deepEqual(stateOf({}), {
    objects: [],
    anchors: [],
    bundle: undefined,
    pending: [],
    hasPendingCreates: false,
  });
});
