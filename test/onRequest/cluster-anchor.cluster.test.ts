/** The trust anchor kept on the cluster: cert-manager makes it, trust-manager distributes it, and no key is in Pulumi. */
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { askToIssue, conditionOf, findAnchorCertificate } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { until } from "../../sandbox/until.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import {
  connectTo,
  destroy,
  kubectl,
  pulumi,
  refused,
  removeSandbox,
  renew,
  set,
  soundCredentials,
  startSandbox,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

const annotation = "checksum/identity-trust-roots";

let certManager: Mesh;
let core: Mesh["core"];
let objectsBefore: string[];

before(async () => {
  await startSandbox("trust-manager");
  certManager = connectTo("cert-manager");
  core = certManager.core;
  objectsBefore = await listObjectsOfSettledCluster();
  await set("trustAnchorSource", "cluster");
});
after(removeSandbox);

test("the lifetimes of Linkerd's documentation are refused at preview where cert-manager would switch roots", async () => {
  await set("installCertManager", "false");
  await set("clusterTrustAnchorDuration", "8760h");
  await set("clusterTrustAnchorRenewBefore", "7320h");
  const output = (await refused("preview")).replaceAll(/\s+/g, " ");
  assert.match(output, /clusterTrustAnchorRenewBefore: With 7320h of clusterTrustAnchorDuration \(8760h\)/);
  assert.match(output, /would switch to a new root by itself 60 days after it has made this one/);
  assert.match(output, /IssuerUpdateSkipped/);
  assert.match(output, /Rule: anchor-renewal/);
  for (const field of ["installCertManager", "clusterTrustAnchorDuration", "clusterTrustAnchorRenewBefore"]) {
    await unset(field);
  }
});

test("a preview of an empty cluster shows the whole installation", async () => {
  await pulumi("preview");
});

test("one up installs it, into a namespace that was there without Linkerd's labels", async () => {
  await core.createNamespace({ body: { metadata: { name: "linkerd" } } });
  await set("createLinkerdNamespace", "false");
  await up();
  const { metadata } = await core.readNamespace({ name: "linkerd" });
  assert.equal(metadata!.labels!["linkerd.io/is-control-plane"], "true");
});

test("the bundle was there before the identity controller started, once", async () => {
  const roots = await trustRoots();
  const identity = await identityPod();
  assert.ok(roots.metadata!.creationTimestamp! <= identity.metadata!.creationTimestamp!);
  assert.deepEqual(
    identity.status!.containerStatuses!.map(({ restartCount }) => restartCount),
    identity.status!.containerStatuses!.map(() => 0),
  );
  const text = roots.data!["ca-bundle.crt"]!;
  assert.equal(identity.metadata!.annotations![annotation], sha256(text));
});

test("the previous anchor is the anchor's certificate, without its key, and not cert-manager's", async () => {
  const [anchor, previous] = [await secret("linkerd-trust-anchor"), await secret("linkerd-previous-anchor")];
  assert.equal(certificateIn(previous.data!).fingerprint256, certificateIn(anchor.data!).fingerprint256);
  assert.equal(previous.data!["tls.key"] ?? "", "");
  assert.equal(previous.type, "kubernetes.io/tls");
  assert.doesNotMatch(JSON.stringify(previous.metadata), /cert-manager\.io/);
});

test("cert-manager does not plan to renew the anchor", async () => {
  const anchor = (await findAnchorCertificate(certManager))!;
  assert.equal(conditionOf(anchor, "Ready")?.status, "True");
  assert.equal(anchor.status!.renewalTime, undefined);
});

test("Certify: the identity controller's certificate leads to the anchor in the cluster", async () => {
  const { loaded } = await soundCredentials();
  assert.equal(
    loaded[0]?.anchor?.fingerprintSha256,
    certificateIn((await secret("linkerd-trust-anchor")).data!).fingerprint256,
  );
});

test("no key of the anchor is in Pulumi's state", async () => {
  const key = (await secret("linkerd-trust-anchor")).data!["tls.key"]!;
  const state = await pulumi("stack", "export", "--show-secrets");
  assert.ok(!state.includes(key) && !state.includes(lineOf(key)), "the anchor's key is in the state");
  assert.ok(state.includes("linkerd-trust-anchor"));
});

test("a second up changes nothing, and refresh finds nothing changed but what is only read", async () => {
  await upChangesNothing();
  const output = await pulumi("refresh", "--yes", "--skip-preview", "--color=never");
  // The state has no inputs of the ConfigMaps that each run reads, and refresh adds them.
  const updated = output.split("\n").filter((line) => / (updated|deleted) \(/.test(line));
  assert.equal(updated.length, 2, output);
  for (const line of updated) assert.match(line, /v1:ConfigMap .*\[diff: \+apiVersion,kind,metadata\]/);
  await upChangesNothing();
});

test("a renewed issuer is loaded", async () => {
  await renew();
});

test("a renewed anchor: the previous one stays in the bundle, up rolls the control plane, the next issuer loads", async () => {
  const [old, previous, before] = [
    certificateIn((await secret("linkerd-trust-anchor")).data!),
    await secret("linkerd-previous-anchor"),
    await identityPod(),
  ];
  await askToIssue(certManager, "linkerd-trust-anchor");
  await until("a bundle of both anchors", 60_000, async () => {
    const { length } = (await trustRoots()).data!["ca-bundle.crt"]!.match(/BEGIN/g)!;
    return length === 2 || `${length} anchors`;
  });
  await up();
  const identity = await identityPod();
  assert.notEqual(identity.metadata!.uid, before.metadata!.uid);
  assert.equal(
    identity.metadata!.annotations![annotation],
    sha256((await trustRoots()).data!["ca-bundle.crt"]!),
  );
  assert.deepEqual((await secret("linkerd-previous-anchor")).data, previous.data);
  await upChangesNothing();

  await renew();
  const { loaded, anchors } = await soundCredentials();
  assert.equal(anchors.length, 2);
  assert.notEqual(loaded[0]!.anchor!.serialNumber, old.serialNumber.toLowerCase());
});

for (const [title, key, value, said, back] of [
  [
    "a changed life of the anchor",
    "clusterTrustAnchorDuration",
    "87601h",
    /clusterTrustAnchorDuration: .* has the duration 87600h\. With "87601h" it would be replaced/,
    unset,
  ],
  [
    "another source of the anchor",
    "trustAnchorSource",
    "stack",
    /trustAnchorSource: .* is kept by the cluster\. With "stack" it would be replaced/,
    (key: string) => set(key, "cluster"),
  ],
] as const) {
  test(`${title} is refused, with a preview and without`, async () => {
    await set(key, value);
    assert.match(await refused("preview"), said);
    assert.match(await refused("up"), said);
    await back(key);
  });
}

test("destroy leaves nothing but the namespace that was there, once the protection is lifted", async () => {
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  const { metadata } = await core.readNamespace({ name: "linkerd" });
  assert.equal(metadata!.labels!["linkerd.io/is-control-plane"], undefined);
  await kubectl("delete", "namespace", "linkerd");
  assert.deepEqual(await listObjects(), objectsBefore);
});

const secret = (name: string) => core.readNamespacedSecret({ namespace: "cert-manager", name });
const trustRoots = () =>
  core.readNamespacedConfigMap({ namespace: "linkerd", name: "linkerd-identity-trust-roots" });
const certificateIn = (data: Record<string, string>) =>
  new X509Certificate(Buffer.from(data["tls.crt"]!, "base64"));
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** The first line of a key in PEM, without its title: what would be seen of it wherever it is not encoded again. */
const lineOf = (encoded: string) => Buffer.from(encoded, "base64").toString().split("\n")[1]!;

async function identityPod(): Promise<V1Pod> {
  const { items } = await core.listNamespacedPod({
    namespace: "linkerd",
    labelSelector: "linkerd.io/control-plane-component=identity",
  });
  const running = items.filter(({ metadata }) => metadata!.deletionTimestamp === undefined);
  assert.equal(running.length, 1);
  return running[0]!;
}
