/** The viz extension: tap and its injector serve what cert-manager renews, and the API server verifies it throughout. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { ApiregistrationV1Api } from "@kubernetes/client-node";
import { askToIssue } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { until } from "../../sandbox/until.ts";
import {
  askThroughout,
  containersOf,
  injectedPod,
  proxyOf,
  servedSerialNumber,
} from "../cluster/admission.ts";
import { connectTo, kubeConfig, pulumi, removeSandbox, set, startSandbox, up } from "../stack.ts";

const namespace = "linkerd-viz";
const servers = [
  { webhook: "tap", port: 8089 },
  { webhook: "tap-injector", port: 8443 },
] as const;

let cluster: Mesh;
let registrations: ApiregistrationV1Api;
const pods = () => containersOf(cluster);

before(async () => {
  await startSandbox("linkerd-viz", "linkerd-cni");
  cluster = connectTo(namespace);
  registrations = kubeConfig().makeApiClient(ApiregistrationV1Api);
  await set("installLinkerdViz", "true");
  await set("installLinkerdCni", "true");
  await up();
});
after(removeSandbox);

test("right after the installation, tap's API answers and its injector is asked", async () => {
  await until("tap's APIService to be Available", 60_000, async () => {
    const { status, message } = await availability();
    return status === "True" || message;
  });
  await ask();
});

test("with a CNI plugin its pods are admitted in a restricted namespace", async () => {
  const { metadata } = await cluster.core.readNamespace({ name: namespace });
  assert.equal(metadata!.labels!["pod-security.kubernetes.io/enforce"], "restricted");
  const { items } = await cluster.core.listNamespacedPod({ namespace });
  assert.ok(items.length >= servers.length);
  for (const { metadata, spec } of items) {
    assert.deepEqual(
      spec!.initContainers!.map(({ name }) => name),
      ["linkerd-network-validator"],
      metadata!.name,
    );
  }
});

test("cert-manager's certificates are the only ones: the API server verifies each by its caBundle", async () => {
  const apiService = await registrations.readAPIService({ name: "v1alpha1.tap.linkerd.io" });
  const configuration = await cluster.admission.readMutatingWebhookConfiguration({
    name: "linkerd-tap-injector-webhook-config",
  });
  const caBundles = {
    tap: apiService.spec!.caBundle!,
    "tap-injector": configuration.webhooks![0]!.clientConfig.caBundle!,
  };
  for (const { webhook } of servers) {
    const { certificate, annotations } = await stored(webhook);
    assert.equal(certificate.issuer, `CN=webhooks.${namespace}.svc`);
    assert.equal(certificate.subjectAltName, `DNS:${webhook}.${namespace}.svc`);
    assert.equal(annotations["meta.helm.sh/release-name"], "", "no release of Helm's owns it");
    const authority = new X509Certificate(Buffer.from(caBundles[webhook], "base64"));
    assert.ok(certificate.verify(authority.publicKey), webhook);
  }
});

test("a second up changes nothing, and restarts nothing", async () => {
  const running = await pods();
  await pulumi("up", "--yes", "--expect-no-changes");
  assert.deepEqual(await pods(), running);
});

test("a renewal is served by the running process, and the API server verifies it throughout", async () => {
  const running = await pods();
  const old = new Map<string, string>();
  for (const { webhook } of servers) old.set(webhook, (await stored(webhook)).certificate.serialNumber);

  await askThroughout(ask, async (asked) => {
    for (const { webhook } of servers) await askToIssue(cluster, webhook);
    for (const { webhook, port } of servers) {
      await until(`${webhook} to serve a new certificate`, 120_000, async () => {
        const { serialNumber } = (await stored(webhook)).certificate;
        if (serialNumber === old.get(webhook)) return `its Secret still has ${serialNumber}`;
        const served = await servedSerialNumber(cluster, `component=${webhook}`, port);
        return served === serialNumber || `it serves ${served}, and its Secret has ${serialNumber}`;
      });
    }
    const done = asked();
    await until("answers by the new certificates", 30_000, async () => asked() > done + 3);
  });
  assert.deepEqual(await pods(), running);
});

test("turned off again, the extension is gone, with its namespace and what it has registered", async () => {
  await set("installLinkerdViz", "false");
  await up();
  const { items } = await cluster.core.listNamespace();
  assert.ok(!items.some(({ metadata }) => metadata!.name === namespace));
  const services = await registrations.listAPIService();
  assert.ok(!services.items.some(({ spec }) => spec!.group === "tap.linkerd.io"));
  const { items: configurations } = await cluster.admission.listMutatingWebhookConfiguration();
  assert.ok(!configurations.some(({ metadata }) => metadata!.name!.includes("tap-injector")));
});

/** Fails where the API server cannot reach tap, or creates a meshed pod without asking the tap injector. */
async function ask(): Promise<void> {
  const { status, message } = await availability();
  assert.equal(status, "True", message);
  await cluster.custom.getAPIResources({ group: "tap.linkerd.io", version: "v1alpha1" });
  const proxy = proxyOf(await injectedPod(cluster));
  assert.ok(
    proxy?.env?.some(({ name }) => name === "LINKERD2_PROXY_TAP_SVC_NAME"),
    "a pod came up without tap: its injector was not asked",
  );
}

async function availability() {
  const { status } = await registrations.readAPIService({ name: "v1alpha1.tap.linkerd.io" });
  const available = status?.conditions?.find(({ type }) => type === "Available");
  return { status: available?.status, message: available?.message ?? "it has no condition Available" };
}

async function stored(webhook: string) {
  const secret = await cluster.core.readNamespacedSecret({ namespace, name: `${webhook}-k8s-tls` });
  return {
    certificate: new X509Certificate(Buffer.from(secret.data!["tls.crt"]!, "base64")),
    annotations: secret.metadata!.annotations ?? {},
  };
}
