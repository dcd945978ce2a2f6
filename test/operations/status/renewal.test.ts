import assert from "node:assert/strict";
import { test } from "node:test";
import type { Certificate } from "../../../mesh/certManager.ts";
import { readRenewal } from "../../../operations/status/renewal.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();

const certificate = (name: string, issuer: string, kind = "Issuer"): Certificate => ({
  metadata: { name, uid: name, namespace: "linkerd" },
  spec: { secretName: `${name}-tls`, issuerRef: { name: issuer, kind, group: "cert-manager.io" } },
});
const identity = certificate("identity", "anchor");
const authority = certificate("authority", "self-signed");
const webhook = certificate("webhook", "authority");

const deployment = (component: string, name: string, more: object = {}) => ({
  metadata: {
    name: component,
    namespace: "pki",
    labels: { "app.kubernetes.io/component": component, "app.kubernetes.io/name": name, ...more },
  },
  spec: {
    template: { spec: { containers: [{ args: ["--cluster-resource-namespace=$(POD_NAMESPACE)"] }] } },
  },
  status: { availableReplicas: 1 },
});

const deployments = "/apis/apps/v1/deployments";
const group = "/apis/cert-manager.io/v1";
const issuers = `${group}/namespaces/linkerd/issuers`;
const secrets = "/api/v1/namespaces/linkerd/secrets";
const version = { groupVersion: "cert-manager.io/v1", version: "v1" };
const objects = {
  [deployments]: {
    items: [
      deployment("controller", "cert-manager"),
      deployment("webhook", "pki-webhook", { "helm.sh/chart": "cert-manager-v1.21.2" }),
      deployment("cainjector", "cainjector"),
      deployment("controller", "ingress-nginx", { "helm.sh/chart": "ingress-nginx-4.1.0" }),
    ],
  },
  "/apis": { groups: [{ name: "cert-manager.io", preferredVersion: version, versions: [version] }] },
  [group]: {
    resources: [
      { name: "issuers", kind: "Issuer", namespaced: true },
      { name: "clusterissuers", kind: "ClusterIssuer", namespaced: false },
    ],
  },
  [`${issuers}/anchor`]: { spec: { ca: { secretName: "anchor-tls" } } },
  [`${issuers}/authority`]: { spec: { ca: { secretName: "authority-tls" } } },
  [`${issuers}/self-signed`]: { spec: {} },
  [`${issuers}/vault`]: { spec: { vault: { auth: { tokenSecretRef: { name: "login", key: "token" } } } } },
  [`${group}/clusterissuers/company`]: { spec: { ca: { secretName: "company" } } },
  [`${secrets}/anchor-tls`]: { data: { "tls.crt": "YQ==", "tls.key": "YQ==" } },
  [`${secrets}/authority-tls`]: { data: { "tls.crt": "YQ==", "tls.key": "" } },
  [`${secrets}/login`]: { data: { token: "YQ==" } },
  "/api/v1/namespaces/pki/secrets/company": { data: { "tls.crt": "YQ==", "tls.key": "YQ==" } },
};

async function read(renewed: readonly Certificate[], changed: object = {}) {
  api.objects = { ...objects, ...changed };
  const unknown: string[] = [];
  const mesh = { ...api.cluster, namespace: "linkerd" };
  const onForbidden = (reason: string) => unknown.push(reason);
  const { signers, programs, certificates } = await readRenewal(mesh, renewed, [authority], onForbidden);
  const shown = signers.map(({ name, signs, issuer, secret }) => {
    const held = secret && `${secret.namespace}/${secret.name} without ${secret.lacks.join() || "nothing"}`;
    return `${name} signs ${signs.join()}: ${issuer === undefined ? "absent" : held}`;
  });
  return { shown, programs, unknown, names: certificates.map(({ metadata }) => metadata.name) };
}

test("each issuer is looked at once, with its Secret, and so is what renews that", async () => {
  const { shown, programs, unknown, names } = await read([
    identity,
    webhook,
    certificate("second", "anchor"),
  ]);
  assert.deepEqual(shown, [
    "anchor signs identity,second: linkerd/anchor-tls without nothing",
    "authority signs webhook: linkerd/authority-tls without tls.key",
    "self-signed signs authority: undefined",
  ]);
  assert.deepEqual(names, ["identity", "webhook", "second", "authority"]);
  assert.deepEqual(
    programs?.map(({ component, clusterResourceNamespace }) => `${component} ${clusterResourceNamespace}`),
    ["controller pki", "webhook pki", "cainjector pki"],
  );
  assert.deepEqual(unknown, []);
});

test("a ClusterIssuer's Secret is cert-manager's, and a Vault's issuer has the one it logs in with", async () => {
  const renewed = [certificate("identity", "company", "ClusterIssuer"), certificate("other", "vault")];
  assert.deepEqual((await read(renewed)).shown, [
    "company signs identity: pki/company without nothing",
    "vault signs other: linkerd/login without nothing",
  ]);
});

test("what is not there is told as such", async () => {
  const none = { [deployments]: { items: [] } };
  const { shown, programs } = await read([identity], {
    ...none,
    [`${secrets}/anchor-tls`]: new Refusal(404, "gone"),
  });
  assert.deepEqual(
    [shown, programs],
    [["anchor signs identity: linkerd/anchor-tls without tls.crt,tls.key"], []],
  );
  const gone = new Refusal(404, "gone");
  assert.deepEqual((await read([identity], { [`${issuers}/anchor`]: gone })).shown, [
    "anchor signs identity: absent",
  ]);
});

test("what may not be looked at is not known, and everything else still is", async () => {
  const forbidden = new Refusal(403, "forbidden");
  const { shown, programs, unknown } = await read([identity, webhook], {
    [deployments]: forbidden,
    [`${issuers}/authority`]: forbidden,
    [`${secrets}/anchor-tls`]: forbidden,
  });
  assert.deepEqual([shown, programs], [["anchor signs identity: undefined"], undefined]);
  assert.deepEqual(
    unknown.map((reason) => reason.replace(/:.*/, "")),
    [
      "Deployments of cert-manager in every namespace",
      "Secret linkerd/anchor-tls",
      "Issuer.cert-manager.io authority",
    ],
  );
  await assert.rejects(read([identity], { [deployments]: new Refusal(500, "broken") }), /broken/);
});
