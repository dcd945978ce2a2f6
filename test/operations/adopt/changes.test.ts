import assert from "node:assert/strict";
import { test } from "node:test";
import { changesOf, describeChanges } from "../../../operations/adopt/changes.ts";
import { type Preview, readPreview } from "../../../operations/preview.ts";

const component = "linkerd-rotating-tls:index:RotatingLinkerd";
const urn = (type: string, name: string, ...components: string[]) =>
  `urn:pulumi:dev::mesh::${[component, ...components, type].join("$")}::${name}`;

interface Step {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: object;
  readonly newState?: object;
  readonly detailedDiff?: object;
}

const previewOf = (...steps: Step[]): Preview => readPreview(JSON.stringify({ steps }));

const issuerName = { name: "linkerd-trust-anchor", namespace: "linkerd" };
const issuer: Step = {
  op: "update",
  urn: urn(
    "kubernetes:cert-manager.io/v1:Issuer",
    "linkerd-trust-anchor",
    "linkerd-rotating-tls:index:TrustAnchor",
  ),
  oldState: { inputs: { metadata: issuerName } },
  newState: { inputs: { metadata: issuerName, spec: { ca: { secretName: "linkerd-trust-anchor" } } } },
  detailedDiff: { spec: { kind: "add" }, "metadata.annotations": { kind: "add" } },
};
const issuerSpec = new Map([
  ["Issuer linkerd/linkerd-trust-anchor", { spec: { ca: { secretName: "linkerd-trust-anchor" } } }],
]);

test("what the cluster has as it is wanted is no change, though Pulumi has not imported it", () => {
  assert.deepEqual(changesOf(previewOf(issuer), issuerSpec), []);
});

test("a field that is another one is told with both values", () => {
  const specs = new Map([
    ["Issuer linkerd/linkerd-trust-anchor", { spec: { ca: { secretName: "other" }, more: 1 } }],
  ]);
  assert.deepEqual(changesOf(previewOf(issuer), specs), [
    {
      operation: "update",
      subject: "Issuer linkerd/linkerd-trust-anchor",
      fields: ['spec.ca.secretName: "other" → "linkerd-trust-anchor"'],
      meaning: "a trust anchor is made, and joins the bundle",
    },
  ]);
});

test("of a Secret nothing is shown, and of a release what Helm is given for the mesh", () => {
  const secret: Step = {
    op: "update",
    urn: urn("kubernetes:core/v1:Secret", "linkerd-trust-anchor", "linkerd-rotating-tls:index:TrustAnchor"),
    oldState: { inputs: { metadata: issuerName, data: "[secret]" } },
    newState: { inputs: { metadata: issuerName, stringData: "[secret]" } },
    detailedDiff: { data: { kind: "delete" }, stringData: { kind: "add" } },
  };
  const release: Step = {
    op: "update",
    urn: urn(
      "kubernetes:helm.sh/v3:Release",
      "linkerd-control-plane",
      "linkerd-rotating-tls:index:LinkerdControlPlane",
    ),
    oldState: { inputs: { name: "linkerd-control-plane", namespace: "linkerd", atomic: false, values: {} } },
    newState: {
      inputs: {
        name: "linkerd-control-plane",
        namespace: "linkerd",
        atomic: true,
        version: "1",
        values: { clusterDomain: "cluster.local", identityTrustAnchorsPEM: "pem" },
      },
    },
    detailedDiff: {
      atomic: { kind: "update" },
      "values.clusterDomain": { kind: "add" },
      "values.identityTrustAnchorsPEM": { kind: "add" },
    },
  };
  const told = changesOf(previewOf(secret, release), new Map());
  assert.deepEqual(told, [
    {
      operation: "update",
      subject: "Helm release linkerd/linkerd-control-plane",
      fields: ['values.clusterDomain: (none) → "cluster.local"'],
      meaning: "Helm upgrades the control plane: workloads that it changes are rolled",
    },
  ]);
  assert.equal(
    describeChanges(told),
    `  changed: Helm release linkerd/linkerd-control-plane: Helm upgrades the control plane: workloads that it changes are rolled
      values.clusterDomain: (none) → "cluster.local"`,
  );
});

test("what is in an object beside what is wanted stays, and is not told", () => {
  const namespace: Step = {
    op: "update",
    urn: urn("kubernetes:core/v1:Namespace", "linkerd-namespace"),
    oldState: { inputs: { metadata: { name: "linkerd" }, spec: { finalizers: ["kubernetes"] } } },
    newState: { inputs: { metadata: { name: "linkerd", labels: { a: "b" } } } },
    detailedDiff: { spec: { kind: "delete" }, "metadata.labels.a": { kind: "add" } },
  };
  const [told] = changesOf(previewOf(namespace), new Map());
  assert.deepEqual(told!.fields, ['metadata.labels.a: (none) → "b"']);
});

test("what is made is told, and what is in the state alone is not", () => {
  const patch: Step = {
    op: "create",
    urn: urn("kubernetes:core/v1:NamespacePatch", "linkerd-namespace"),
    newState: { inputs: { metadata: { name: "linkerd", labels: { a: "b" } } } },
  };
  const stash: Step = { op: "create", urn: "urn:pulumi:dev::mesh::pulumi:index:Stash::installation" };
  const [told, ...more] = changesOf(previewOf(patch, stash), new Map());
  assert.deepEqual(more, []);
  assert.equal(told!.subject, "Namespace linkerd");
  assert.equal(told!.operation, "update", "it is there, and gets labels");
});

test("nothing goes on if something would be replaced or deleted, or the preview was refused", () => {
  for (const op of ["delete", "replace", "create-replacement", "discard"]) {
    assert.throws(
      () => changesOf(previewOf({ ...issuer, op }), issuerSpec),
      /would not leave everything in its place.*Issuer linkerd\/linkerd-trust-anchor/,
    );
  }
  const diagnostics = [{ severity: "error", message: "error: refused" }];
  const refused = readPreview(JSON.stringify({ steps: [], diagnostics }));
  assert.throws(() => changesOf(refused, new Map()), /The preview of the adopted stack is refused:\nrefused/);
});
