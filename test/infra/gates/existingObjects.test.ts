import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { keepWhatIsOthers } from "../../../infra/gates/existingObjects.ts";
import { lookWith } from "../../../infra/gates/looks.ts";
import type { ExportState } from "../../../infra/gates/ownState.ts";
import { namespacesBefore, type Run } from "../../../infra/gates/run.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
let unseen: string[] = [];

beforeEach(() => {
  unseen = [];
  api.objects = { "/api/v1/secrets": { items: [] } };
  api.requests = [];
});

const mocks = { newResource: () => ({ id: "", state: { output: "ours" } }), call: () => ({}) };
await pulumi.runtime.setMocks(mocks, "project", "test", false, "organization");
// The SDK's mock lacks this one, which every hook calls.
Object.assign(pulumi.runtime.getMonitor()!, {
  registerResourceHook: (_: unknown, done: (error: null, response: object) => void) => done(null, {}),
});
const look = lookWith(Promise.resolve(api.cluster));
let exportState: ExportState = async () => JSON.stringify({ deployment: {} });
const run: Run = {
  look,
  // As if each test were a run of its own.
  namespace: (name) => namespacesBefore(look)(name),
  settings: resolve({}),
  installer: "Pulumi stack o/p/dev",
  isPreview: false,
  onUnseen: ({ message }) => void unseen.push(message),
  onUnproven: ({ message }) => void unseen.push(message),
  spell: (finding) => finding,
};
const transform = keepWhatIsOthers(run, () => exportState());

/** What the hook of an object says before it is created: the message of its refusal, or nothing. */
async function before(
  type: "Namespace" | "NamespacePatch" | "Secret" | "Certificate",
  metadata: object,
): Promise<string | undefined> {
  const apiVersion = type === "Certificate" ? "cert-manager.io/v1" : "v1";
  const token = `kubernetes:${type === "Certificate" ? apiVersion : "core/v1"}:${type}`;
  const props = { apiVersion, kind: type.replace("Patch", ""), metadata };
  const transformed = await transform({ custom: true, type: token, name: "x", props, opts: {} });
  const { beforeCreate } = transformed!.opts.hooks as pulumi.ResourceHookBinding;
  const hook = beforeCreate![0] as pulumi.ResourceHook;
  assert.equal(hook.opts?.onDryRun, true);
  const args = { urn: "", id: "", name: "x", type: token, newInputs: transformed!.props };
  return Promise.resolve(hook.callback(args)).then(
    () => undefined,
    ({ message }: Error) => message,
  );
}

const namespace = { metadata: { name: "linkerd", managedFields: [{ manager: "kubectl-create" }] } };

test("what is not there is created", async () => {
  assert.equal(await before("Namespace", { name: "linkerd" }), undefined);
  assert.equal(await before("Secret", { name: "linkerd-trust-anchor", namespace: "linkerd" }), undefined);
});

test("nothing is looked for in a namespace that was not there", async () => {
  assert.equal(await before("Certificate", { name: "a", namespace: "linkerd" }), undefined);
  assert.deepEqual(api.requests, ["GET /api/v1/namespaces/linkerd"]);
});

test("nor is an object there whose kind is not, and a namespace that may not be seen may have it", async () => {
  for (const seen of [namespace, new Refusal(403, "namespaces is forbidden")]) {
    api.objects = { ...api.objects, "/api/v1/namespaces/linkerd": seen };
    api.requests = [];
    assert.equal(await before("Certificate", { name: "a", namespace: "linkerd" }), undefined);
    assert.deepEqual(api.requests, [
      "GET /api/v1/namespaces/linkerd",
      "GET /apis/cert-manager.io/v1/namespaces/linkerd/certificates/a",
    ]);
    assert.match(`${api.headers.accept}`, /as=PartialObjectMetadata/);
  }
  assert.deepEqual(unseen, []);
});

test("a namespace that is there is refused, with whose it is and the setting that uses it", async () => {
  api.objects = { ...api.objects, "/api/v1/namespaces/linkerd": namespace };
  const message = await before("Namespace", { name: "linkerd" });
  assert.match(message!, /Namespace linkerd: It is on the cluster already, .* it is by kubectl-create\./);
  assert.match(message!, /controlPlane\.createNamespace/);
});

test("a Secret that is there is refused, and nothing of it is told", async () => {
  const secret = {
    metadata: { annotations: { "linkerd-rotating-tls/installation": "other" } },
    data: { "tls.key": "c2VjcmV0" },
  };
  api.objects = {
    ...api.objects,
    "/api/v1/namespaces/linkerd": namespace,
    "/api/v1/namespaces/linkerd/secrets/linkerd-trust-anchor": secret,
  };
  const message = await before("Secret", { name: "linkerd-trust-anchor", namespace: "linkerd" });
  assert.match(message!, /Secret linkerd\/linkerd-trust-anchor: .* of another stack of this program/);
  assert.doesNotMatch(message!, /c2VjcmV0|secret"/);
});

test("what an interrupted run of this stack has left carries its mark, and is gone on with", async () => {
  const annotations = { "linkerd-rotating-tls/installation": "ours" };
  const left = { metadata: { name: "linkerd", annotations } };
  api.objects = { ...api.objects, "/api/v1/namespaces/linkerd": left };
  assert.equal(await before("Namespace", { name: "linkerd" }), undefined);
});

test("a look that is not allowed is told of, and is no refusal", async () => {
  api.objects = { ...api.objects, "/api/v1/namespaces/linkerd": new Refusal(403, "namespaces is forbidden") };
  assert.equal(await before("Namespace", { name: "linkerd" }), undefined);
  assert.match(unseen.join(), /Namespace linkerd: namespaces is forbidden/);
});

test("a namespace that was there before must be there, with its labels free, and not be the stack's own", async () => {
  const labels = { "pod-security.kubernetes.io/enforce": "privileged" };
  const patch = () => before("NamespacePatch", { name: "linkerd", labels });
  assert.equal(await patch(), undefined, "requireFit has told of it");

  api.objects = { ...api.objects, "/api/v1/namespaces/linkerd": namespace };
  assert.equal(await patch(), undefined);

  const labelled = {
    metadata: { ...namespace.metadata, labels: { "pod-security.kubernetes.io/enforce": "baseline" } },
  };
  api.objects = { ...api.objects, "/api/v1/namespaces/linkerd": labelled };
  assert.match(
    (await patch())!,
    /kubectl label namespace linkerd pod-security\.kubernetes\.io\/enforce=privileged --overwrite/,
  );
});

test("a namespace that the state has is the stack's own, and stays so", async () => {
  const packed = gzipSync(JSON.stringify({ info: { description: "Pulumi stack o/p/dev" } }));
  const labels = { name: "linkerd-crds", version: "1", status: "deployed" };
  const release = Buffer.from(packed.toString("base64")).toString("base64");
  api.objects = {
    ...api.objects,
    "/api/v1/namespaces/linkerd": namespace,
    "/api/v1/namespaces/linkerd/secrets": {
      items: [{ metadata: { name: "sh.helm.release.v1", namespace: "linkerd", labels }, data: { release } }],
    },
  };
  const patch = () => before("NamespacePatch", { name: "linkerd", labels: {} });
  assert.equal(await patch(), undefined, "someone else has made it");

  const made = { urn: "urn", type: "kubernetes:core/v1:Namespace", id: "linkerd" };
  const others = [
    { ...made, id: "cert-manager" },
    { ...made, type: "kubernetes:core/v1:NamespacePatch" },
  ];
  exportState = async () => JSON.stringify({ deployment: { resources: others } });
  assert.equal(await patch(), undefined, "the state has another one, and a patch");
  const inState: ExportState = async () => JSON.stringify({ deployment: { resources: [made] } });
  const unreadable: ExportState = () => Promise.reject(new Error("no such stack"));
  for (const state of [inState, unreadable]) {
    exportState = state;
    assert.match(
      (await patch())!,
      /controlPlane\.createNamespace: Pulumi stack o\/p\/dev has made namespace linkerd\./,
    );
  }
});
