/**
 * cert-manager keeps the webhooks' credentials: a renewal is served by the running process, and no admission fails.
 *
 * No pod is admitted here without the injector, and cert-manager is in a namespace that Linkerd's chart does not know.
 */
import assert from "node:assert/strict";
import { createPrivateKey, KeyObject, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { askToIssue, type Certificate } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { until } from "../../sandbox/until.ts";
import { hoursFromNow, keysOf, leaf } from "../certificates.ts";
import {
  askThroughout,
  containersOf,
  injectedPod,
  proxyOf,
  servedSerialNumber,
} from "../cluster/admission.ts";
import {
  connectTo,
  kubectl,
  pulumi,
  refused,
  removeSandbox,
  set,
  startSandbox,
  up,
  upChangesNothing,
} from "../stack.ts";

const namespace = "linkerd";
const certManagerNamespace = "pki";
const webhooks = ["linkerd-proxy-injector", "linkerd-sp-validator", "linkerd-policy-validator"] as const;

/** The webhooks that are real processes here, and where they serve; the policy validator is a stand-in. */
const servers = [
  { webhook: "linkerd-proxy-injector", component: "proxy-injector", port: 8443 },
  { webhook: "linkerd-sp-validator", component: "destination", port: 8443 },
] as const;

let cluster: Mesh;
const pods = () => containersOf(cluster);
const rotate = (on: boolean) => set("rotateWebhookCredentials", String(on));

before(async () => {
  await startSandbox();
  cluster = connectTo(namespace);
  await rotate(false);
  await set("certManagerNamespace", certManagerNamespace);
  await set("linkerdControlPlaneValues.webhookFailurePolicy", "Fail");
  await up();
});
after(removeSandbox);

test("the chart makes its own, and a mesh that runs with them takes to cert-manager's", async () => {
  for (const webhook of webhooks) {
    assert.equal((await stored(webhook)).release, "linkerd-control-plane");
  }
  await admit();
  await rotate(true);
  await up();
});

test("right after that, pods are injected and wrong profiles refused", async () => {
  await admit();
});

test("cert-manager's certificates are the only ones: the API server verifies each by its caBundle", async () => {
  for (const webhook of webhooks) {
    const { certificate, key, release } = await stored(webhook);
    assert.equal(release, "", "no release of Helm's owns it");
    assert.equal(certificate.issuer, `CN=webhooks.${namespace}.svc`);
    assert.equal(certificate.subjectAltName, `DNS:${webhook}.${namespace}.svc`);
    assert.equal(certificate.ca, false);
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(key)));
    assert.match(key, /^-----BEGIN PRIVATE KEY-----/, "the policy validator reads PKCS #8 alone");
    const configuration = { name: `${webhook}-webhook-config` };
    const { webhooks: served } = await (webhook === "linkerd-proxy-injector"
      ? cluster.admission.readMutatingWebhookConfiguration(configuration)
      : cluster.admission.readValidatingWebhookConfiguration(configuration));
    const caBundle = new X509Certificate(Buffer.from(served![0]!.clientConfig.caBundle!, "base64"));
    assert.ok(certificate.verify(caBundle.publicKey), webhook);
  }
});

test("a second up changes nothing, and restarts nothing", async () => {
  const before = await pods();
  await pulumi("up", "--yes", "--expect-no-changes");
  assert.deepEqual(await pods(), before);
});

test("a renewal is served by the running process, and no admission fails meanwhile", async () => {
  const running = await pods();
  const old = new Map<string, string>();
  for (const webhook of webhooks) old.set(webhook, (await stored(webhook)).certificate.serialNumber);

  const admissions = await askThroughout(admit, async (admitted) => {
    for (const webhook of webhooks) await askToIssue(cluster, webhook);
    for (const webhook of webhooks) {
      await until(`a new certificate of ${webhook}`, 60_000, async () => {
        const { serialNumber } = (await stored(webhook)).certificate;
        return serialNumber !== old.get(webhook) || `still ${serialNumber}`;
      });
    }
    for (const { webhook, component, port } of servers) {
      const { serialNumber } = (await stored(webhook)).certificate;
      await until(`${webhook} to serve ${serialNumber}`, 90_000, async () => {
        const pod = `linkerd.io/control-plane-component=${component}`;
        const served = await servedSerialNumber(cluster, pod, port);
        return served === serialNumber || `it serves ${served}`;
      });
    }
    const done = admitted();
    await until("admissions by the new certificates", 30_000, async () => admitted() > done + 3);
  });
  assert.ok(admissions >= 5, `${admissions} admissions`);
  assert.deepEqual(await pods(), running);
});

test("back again, Helm refuses Secrets that it has not made, and nothing changes", async () => {
  const running = await pods();
  await rotate(false);
  assert.match(
    await refused("up"),
    /linkerd-\S+-k8s-tls" in namespace "linkerd" exists and cannot be imported/,
  );
  await rotate(true);
  await upChangesNothing();
  assert.deepEqual(await pods(), running);
  await admit();
});

test("cert-manager tries again within the hour, however often it has failed", async () => {
  const name = "linkerd-policy-validator";
  const object = { group: "cert-manager.io", version: "v1", namespace, plural: "certificates", name };
  const certificate: Certificate = await cluster.custom.getNamespacedCustomObject(object);
  const lastFailureTime = `${hoursFromNow(-1.1).toISOString().slice(0, 19)}Z`;
  const status = { ...certificate.status, failedIssuanceAttempts: 6, lastFailureTime };
  await cluster.custom.replaceNamespacedCustomObjectStatus({ ...object, body: { ...certificate, status } });
  await cluster.core.deleteNamespacedSecret({ namespace, name: `${name}-k8s-tls` });
  await until("a new Secret", 30_000, () => stored(name).then(Boolean, ({ message }) => message));
});

test("after an outage in which the webhooks' certificates have ended, everything comes back by itself", async () => {
  const scale = (replicas: number) =>
    kubectl("scale", "deployment", "--all", "--namespace", certManagerNamespace, "--replicas", `${replicas}`);
  await scale(0);
  await until("cert-manager to be down", 60_000, async () => {
    const { items } = await cluster.core.listNamespacedPod({ namespace: certManagerNamespace });
    return items.every(({ status }) => status!.phase === "Succeeded") || `${items.length} pods`;
  });
  for (const webhook of webhooks) await expire(webhook);
  await kubectl("delete", "pod", "--all", "--namespace", namespace);
  await until("the API server to refuse pods", 60_000, () =>
    injectedPod(cluster).then(
      () => "one is admitted",
      ({ message }) => /certificate has expired/.test(message) || message,
    ),
  );
  await scale(1);
  await until("admissions", 90_000, () =>
    admit().then(
      () => true,
      ({ message }) => message,
    ),
  );
});

/** Puts a certificate in a webhook's Secret that has ended, and differs in nothing else. */
async function expire(webhook: string): Promise<void> {
  const authority = await cluster.core.readNamespacedSecret({ namespace, name: "webhook-issuer-tls" });
  const key = createPrivateKey(Buffer.from(authority.data!["tls.key"]!, "base64"));
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const privateKey = key.toCryptoKey(algorithm, true, ["sign"]);
  const keys = await keysOf();
  const certificate = await leaf({
    commonName: `${webhook}.${namespace}.svc`,
    signer: {
      commonName: `webhooks.${namespace}.svc`,
      privateKey,
      certificate: (await stored(webhook)).certificate,
    },
    publicKey: keys.publicKey,
    notBefore: hoursFromNow(-25),
    notAfter: hoursFromNow(-1),
  });
  const secret = await cluster.core.readNamespacedSecret({ namespace, name: `${webhook}-k8s-tls` });
  const text = KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" });
  secret.data!["tls.key"] = Buffer.from(text).toString("base64");
  secret.data!["tls.crt"] = Buffer.from(certificate.toString()).toString("base64");
  await cluster.core.replaceNamespacedSecret({ namespace, name: secret.metadata!.name!, body: secret });
}

/** Fails where the injector has no part in the creation of a pod, or the validator none in that of a wrong profile. */
async function admit(): Promise<void> {
  const pod = await injectedPod(cluster);
  assert.ok(proxyOf(pod), "a pod came up without a proxy: the injector was not asked");
  await assert.rejects(
    cluster.custom.createNamespacedCustomObject({
      group: "linkerd.io",
      version: "v1alpha2",
      namespace: "default",
      plural: "serviceprofiles",
      dryRun: "All",
      body: {
        apiVersion: "linkerd.io/v1alpha2",
        kind: "ServiceProfile",
        metadata: { name: "app.default.svc.cluster.local" },
        spec: { routes: [{ name: "all", condition: {} }] },
      },
    }),
    /linkerd-sp-validator\.linkerd\.io/,
    "a wrong profile was admitted: the validator was not asked",
  );
}

async function stored(webhook: string) {
  const secret = await cluster.core.readNamespacedSecret({ namespace, name: `${webhook}-k8s-tls` });
  const text = (key: string) => Buffer.from(secret.data![key]!, "base64").toString();
  return {
    certificate: new X509Certificate(text("tls.crt")),
    key: text("tls.key"),
    release: secret.metadata!.annotations?.["meta.helm.sh/release-name"],
  };
}
