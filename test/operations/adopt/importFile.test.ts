import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiException } from "@kubernetes/client-node";
import { type ImportResource, importOf, importText, knownIn } from "../../../operations/adopt/importFile.ts";
import type { Change } from "../../../operations/preview.ts";

const hasCrds = async (namespace: string, name: string) => `${namespace}/${name}` === "linkerd/linkerd-crds";
const hasNone = async () => false;

const change = (type: string, name: string, after: unknown) => ({ type, name, after }) as Change;
const object = (apiVersion: string, kind: string, name: unknown, namespace?: string) => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace && { namespace }) },
});

const skeleton: readonly ImportResource[] = [
  { type: "pulumi:providers:kubernetes", name: "kubernetes", inputs: {} },
  { type: "pulumi:index:Stash", name: "installation", id: "<PLACEHOLDER>" },
  { type: "mesh:index:Mesh", name: "linkerd", component: true },
  { type: "kubernetes:core/v1:Secret", name: "anchorSecret", logicalName: "anchor", id: "<PLACEHOLDER>" },
  { type: "kubernetes:cert-manager.io/v1:Issuer", name: "anchor", id: "<PLACEHOLDER>" },
  { type: "kubernetes:cert-manager.io/v1:ClusterIssuer", name: "shared", id: "<PLACEHOLDER>" },
  { type: "kubernetes:trust.cert-manager.io/v1alpha1:Bundle", name: "roots", id: "<PLACEHOLDER>" },
  { type: "kubernetes:core/v1:Secret", name: "absent", id: "<PLACEHOLDER>" },
  { type: "kubernetes:core/v1:Secret", name: "later", id: "<PLACEHOLDER>" },
  { type: "kubernetes:core/v1:NamespacePatch", name: "namespace", id: "<PLACEHOLDER>" },
  { type: "kubernetes:helm.sh/v3:Release", name: "crds", id: "<PLACEHOLDER>" },
  { type: "kubernetes:helm.sh/v3:Release", name: "viz", id: "<PLACEHOLDER>" },
];

const creates = [
  change("kubernetes:core/v1:Secret", "anchor", object("v1", "Secret", "a", "linkerd")),
  change(
    "kubernetes:cert-manager.io/v1:Issuer",
    "anchor",
    object("cert-manager.io/v1", "Issuer", "a", "linkerd"),
  ),
  change(
    "kubernetes:cert-manager.io/v1:ClusterIssuer",
    "shared",
    object("cert-manager.io/v1", "ClusterIssuer", "s"),
  ),
  change(
    "kubernetes:trust.cert-manager.io/v1alpha1:Bundle",
    "roots",
    // As the provider has it without a cluster.
    object("trust.cert-manager.io/v1alpha1", "Bundle", "b", "default"),
  ),
  change("kubernetes:core/v1:Secret", "absent", object("v1", "Secret", "b", "linkerd")),
  change("kubernetes:core/v1:Secret", "later", object("v1", "Secret", undefined, "linkerd")),
  change("kubernetes:core/v1:NamespacePatch", "namespace", object("v1", "Namespace", "linkerd")),
  change("kubernetes:helm.sh/v3:Release", "crds", { name: "linkerd-crds", namespace: "linkerd" }),
  change("kubernetes:helm.sh/v3:Release", "viz", { name: "linkerd-viz", namespace: "linkerd-viz" }),
];

const marks = { labels: {}, annotations: {}, managers: ["kubectl-create"] };

/** A cluster that has everything but one Secret. */
const cluster = {
  metadata: async (path: string) => {
    if (path.endsWith("secrets/b") || path.includes("namespaces/default"))
      throw new ApiException(404, "", "", {});
    return { managedFields: [{ manager: "kubectl-create" }] };
  },
  custom: {
    getNamespacedCustomObject: async ({ name }: { name: string }) => ({ spec: { of: name } }),
    getClusterCustomObject: async ({ name }: { name: string }) => ({ spec: { of: name } }),
  },
} as unknown as Parameters<typeof importOf>[0];

test("what is there is imported by its name, and what is not, or has no name yet, is made", async () => {
  const { resources, present, written } = await importOf(cluster, skeleton, creates, hasCrds, []);
  assert.deepEqual(
    written.map(({ reference: { kind, name }, isPatched }) => [kind, name, isPatched]),
    [
      ["Secret", "a", false],
      ["Issuer", "a", false],
      ["ClusterIssuer", "s", false],
      ["Bundle", "b", false],
      ["Namespace", "linkerd", true],
    ],
  );
  assert.deepEqual(
    resources.map(({ name, id }) => [name, id]),
    [
      ["kubernetes", undefined],
      ["linkerd", undefined],
      ["anchorSecret", "linkerd/a"],
      ["anchor", "linkerd/a"],
      ["shared", "s"],
      ["roots", "b"],
      ["crds", "linkerd/linkerd-crds"],
    ],
  );
  assert.deepEqual(
    [...present],
    [
      ["Secret linkerd/a", { spec: undefined, owner: "by kubectl-create", marks }],
      ["Issuer linkerd/a", { spec: { of: "a" }, owner: "by kubectl-create", marks }],
      ["ClusterIssuer s", { spec: { of: "s" }, owner: "by kubectl-create", marks }],
      ["Bundle b", { spec: { of: "b" }, owner: "by kubectl-create", marks }],
      ["Helm release linkerd/linkerd-crds", {}],
    ],
  );
});

test("of a release whose record is not there yet, the file says what the record is going to say, without keys", async () => {
  const keyPem = "-----BEGIN EC PRIVATE KEY-----";
  const record = {
    name: "linkerd-crds",
    chart: { name: "linkerd-crds", version: "1.7.0" },
    values: { a: 1, secret: keyPem },
    manifest: "",
  };
  const { resources, present } = await importOf(cluster, skeleton, creates, hasNone, [record]);
  const { inputs, outputs, id } = resources.find(({ name }) => name === "crds")!;
  assert.equal(id, "linkerd/linkerd-crds");
  const expected = { name: "linkerd-crds", namespace: "linkerd", chart: "linkerd-crds", version: "1.7.0" };
  assert.deepEqual(inputs, { ...expected, values: { a: 1 } });
  const { __inputs, ...rest } = outputs as { __inputs: { plaintext: string } };
  assert.deepEqual(rest, inputs);
  assert.deepEqual(JSON.parse(__inputs.plaintext), inputs);
  assert.ok(present.has("Helm release linkerd/linkerd-crds"));
});

test("what an interrupted import has taken in is not imported again, and is still someone's parent", async () => {
  const { resources } = await importOf(cluster, skeleton, creates, hasCrds, []);
  const parent = "urn:pulumi:dev::mesh::mesh:index:Mesh::linkerd";
  const secret = "urn:pulumi:dev::mesh::mesh:index:Mesh$kubernetes:core/v1:Secret::anchor";
  const state = JSON.stringify({
    deployment: {
      resources: [
        { urn: parent, type: "mesh:index:Mesh" },
        { urn: secret, type: "kubernetes:core/v1:Secret" },
      ],
    },
  });
  const text = JSON.parse(importText(resources, knownIn(state))!);
  assert.deepEqual(text.nameTable, { linkerd: parent, anchorSecret: secret });
  assert.deepEqual(
    text.resources.map(({ name }: ImportResource) => name),
    ["kubernetes", "anchor", "shared", "roots", "crds"],
  );
});

test("when all is taken in, there is nothing to import", () => {
  const one = { type: "mesh:index:Mesh", name: "linkerd", component: true };
  const known = new Map([["mesh:index:Mesh linkerd", "urn"]]);
  assert.equal(importText([one], known), undefined);
  assert.equal(knownIn(JSON.stringify({ deployment: {} })).size, 0);
});
