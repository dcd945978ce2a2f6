import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { findCommandInstallation } from "../../mesh/commandInstallation.ts";
import { startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };

const inNamespace = (kind: string) => {
  const [, path, plural] = /^(.*\/)(\w+)$/.exec(kind)!;
  return `${path}namespaces/linkerd/${plural}`;
};
const configMaps = inNamespace("/api/v1/configmaps");
const secrets = inNamespace("/api/v1/secrets");
const roles = inNamespace("/apis/rbac.authorization.k8s.io/v1/roles");
const clusterRoles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

interface Marks {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly object[];
}

const labels = { "linkerd.io/control-plane-ns": "linkerd" };
const byCommand = (version = "edge-26.8.3") => ({ "linkerd.io/created-by": `linkerd/cli ${version}` });
const applied = (name: string) => ({
  "kubectl.kubernetes.io/last-applied-configuration": `${JSON.stringify({ kind: "Any", metadata: { name } })}\n`,
});

const object = (name: string, { annotations = {}, ...marks }: Marks = {}) => ({
  metadata: { name, ...marks, annotations: { ...applied(name), ...annotations } },
});

const list = (...items: object[]) => ({ metadata: {}, items });

/** What `linkerd install` makes, some of each sort. */
const installed = () => ({
  [configMaps]: list(
    object("linkerd-config", { labels, annotations: byCommand() }),
    object("kube-root-ca.crt"),
    object("linkerd-identity-trust-roots", { labels, ownerReferences: [{ kind: "Bundle" }] }),
  ),
  [secrets]: list(
    object("linkerd-proxy-injector-k8s-tls", { labels, annotations: byCommand() }),
    object("linkerd-identity-issuer", { labels, annotations: byCommand() }),
    object("linkerd-config-overrides", { labels }),
  ),
  [roles]: list(
    object("ext-namespace-metadata-linkerd-config", { annotations: byCommand() }),
    object("ours"),
  ),
  [clusterRoles]: list(
    object("linkerd-linkerd-identity", { labels }),
    object("linkerd-linkerd-viz-tap", { labels: { ...labels, "linkerd.io/extension": "viz" } }),
    object("taken", { labels, annotations: { "meta.helm.sh/release-name": "other" } }),
    object("left-behind", { labels, annotations: byCommand("edge-24.1.1") }),
  ),
  [definitions]: (query: URLSearchParams) =>
    query.has("fieldSelector")
      ? list(object("httproutes.policy.linkerd.io"))
      : list(object("serviceprofiles.linkerd.io", { labels, annotations: byCommand("edge-26.7.1") })),
  [`${secrets}/linkerd-config-overrides`]: {
    data: { "linkerd-config-overrides": Buffer.from("podLabels:\n  team: mesh\n").toString("base64") },
  },
});

beforeEach(() => {
  api.objects = installed();
});

const namesIn = (manifest: string) =>
  parseAllDocuments(manifest)
    .map((document) => document.toJS().metadata.name)
    .sort();

test("what the chart has is found by its marks, with what was applied, and what is someone else's is not", async () => {
  const { controlPlane, definitions, values, hasOverrides } = await findCommandInstallation(mesh);
  assert.deepEqual(namesIn(controlPlane!.manifest), [
    "ext-namespace-metadata-linkerd-config",
    "linkerd-config",
    "linkerd-linkerd-identity",
    "linkerd-proxy-injector-k8s-tls",
  ]);
  assert.equal(controlPlane!.count, 4);
  assert.equal(controlPlane!.linkerd, "edge-26.8.3");
  assert.deepEqual(controlPlane!.unrecorded, []);
  assert.deepEqual(namesIn(definitions!.manifest), [
    "httproutes.policy.linkerd.io",
    "serviceprofiles.linkerd.io",
  ]);
  assert.equal(definitions!.linkerd, "edge-26.7.1");
  assert.deepEqual(values, { podLabels: { team: "mesh" } });
  assert.equal(hasOverrides, true);
  const asked = api.requests.filter((request) => request.includes(clusterRoles));
  assert.match(asked.join(), /labelSelector=linkerd\.io\/control-plane-ns=linkerd/);
});

test("of what was not applied by kubectl apply, the names are told", async () => {
  const { metadata } = object("linkerd-linkerd-identity", { labels });
  api.objects = { ...installed(), [clusterRoles]: list({ metadata: { ...metadata, annotations: {} } }) };
  const { controlPlane } = await findCommandInstallation(mesh);
  assert.deepEqual(controlPlane!.unrecorded, ["clusterroles linkerd-linkerd-identity"]);
});

test("what a chart was rendered to otherwise, or Helm has installed, is not by the command", async () => {
  for (const annotations of [
    { "linkerd.io/created-by": "linkerd/helm edge-26.8.3" },
    { ...byCommand(), "meta.helm.sh/release-name": "linkerd-control-plane" },
  ]) {
    api.objects = {
      [configMaps]: list(object("linkerd-config", { labels, annotations })),
      [definitions]: list(object("serviceprofiles.linkerd.io", { labels, annotations })),
    };
    assert.deepEqual(await findCommandInstallation(mesh), {
      controlPlane: undefined,
      definitions: undefined,
      values: {},
      hasOverrides: false,
    });
  }
});

test("a kind of which there is none, or that the cluster does not know, is no obstacle", async () => {
  api.objects = { ...installed(), [roles]: { metadata: {}, items: null } };
  assert.equal((await findCommandInstallation(mesh)).controlPlane!.count, 3);
});
