import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { checkKept, type InstalledRelease } from "../../../rules/mesh/kept.ts";

const controlPlane = { identityTrustDomain: "cluster.local", identity: { externalCA: false } };
const installed: InstalledRelease[] = [
  { name: "cert-manager", namespace: "cert-manager", values: {} },
  { name: "linkerd-crds", namespace: "linkerd", values: {} },
  { name: "linkerd-control-plane", namespace: "linkerd", values: controlPlane },
  { name: "linkerd-cni", namespace: "linkerd-cni", values: {} },
  { name: "linkerd-viz", namespace: "linkerd-viz", values: {} },
];

const fieldsOf = (args: Parameters<typeof resolve>[0], releases = installed) =>
  [...checkKept(releases, resolve(args))].map(({ field }) => field);

test("settings as they were pass, and so do parts that are removed on purpose", () => {
  assert.deepEqual(fieldsOf({}), []);
  assert.deepEqual(fieldsOf({ cni: { install: false }, viz: { install: false } }), []);
});

for (const [field, args] of [
  ["certManager.namespace", { certManager: { namespace: "pki" } }],
  ["controlPlane.namespace", { controlPlane: { namespace: "mesh" } }],
  ["cni.namespace", { cni: { install: true, namespace: "cni" } }],
  ["viz.namespace", { viz: { install: true, namespace: "viz" } }],
  ["certManager.install", { certManager: { install: false } }],
  ["trustDomain", { trustDomain: "mesh.example" }],
  ["trustDomain", { clusterDomain: "mesh.example" }],
  ["trustAnchor.source", { trustAnchor: { source: "cluster" } }],
] as const) {
  test(`a change of ${JSON.stringify(args)} is refused, once`, () =>
    assert.deepEqual(fieldsOf(args), [field]));
}

test("a mesh whose anchor is on the cluster keeps it there", () => {
  const external = [{ ...installed[2]!, values: { ...controlPlane, identity: { externalCA: true } } }];
  assert.deepEqual(fieldsOf({ trustAnchor: { source: "cluster" } }, external), []);
  assert.deepEqual(fieldsOf({}, external), ["trustAnchor.source"]);
});

test("where nothing is installed, everything can be chosen", () => {
  assert.deepEqual(fieldsOf({ trustDomain: "a.b", controlPlane: { namespace: "x" } }, []), []);
});
