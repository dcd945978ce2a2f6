/** Linkerd 2.10, whose one chart is `linkerd2`, on the last Kubernetes that has what it installs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chartArchive } from "../../sandbox/lifecycle.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import {
  destroy,
  kubectl,
  refused,
  removeSandbox,
  renew,
  run,
  sandboxName,
  set,
  soundCredentials,
  startSandbox,
  up,
  upChangesNothing,
} from "../stack.ts";

let objectsBefore: string[];

before(async () => {
  await startSandbox(
    "kube-apiserver-1.24",
    "kube-controller-manager-1.24",
    "kube-scheduler-1.24",
    "kubelet-1.24",
    "linkerd-controller-2.10",
    "chart:linkerd2",
  );
  // Its newest definitions have fields that this API server does not know, and drops: Helm must not look at them.
  await run(
    "helm",
    "install",
    "cert-manager",
    await chartArchive(sandboxName, "cert-manager"),
    "--namespace=cert-manager",
    "--create-namespace",
    "--set=crds.enabled=true",
    "--disable-openapi-validation",
    "--wait",
  );
  objectsBefore = await listObjectsOfSettledCluster();
  await set("installCertManager", "false");
  await set("linkerdControlPlaneChart", await chartArchive(sandboxName, "linkerd2"));
});
after(removeSandbox);

test("the API server and the kubelet are of Kubernetes 1.24.17", async () => {
  const { serverVersion } = JSON.parse(await kubectl("version", "--output=json"));
  assert.equal(serverVersion.gitVersion, "v1.24.17");
  const kubelets = await kubectl(
    "get",
    "nodes",
    "--output=jsonpath={.items[*].status.nodeInfo.kubeletVersion}",
  );
  assert.equal(kubelets, "v1.24.17");
});

test("without rotateWebhookCredentials: false the chart is refused, and nothing is touched", async () => {
  assert.match(
    await refused("up"),
    /rotateWebhookCredentials: The webhooks of Linkerd 2\.10 do not take their CA/,
  );
  assert.deepEqual(await listObjects(), objectsBefore);
});

test("up installs the credentials and Linkerd 2.10", async () => {
  await set("rotateWebhookCredentials", "false");
  await up();
  const images = await kubectl(
    "get",
    "deployments",
    "--namespace=linkerd",
    "--selector=linkerd.io/control-plane-component=identity",
    "--output=jsonpath={.items[*].spec.template.spec.containers[?(@.name=='identity')].image}",
  );
  assert.equal(images, "cr.l5d.io/linkerd/controller:stable-2.10.2");
});

test("the running identity controller has loaded the issuer, and signs with it", async () => {
  const { loaded } = await soundCredentials();
  assert.equal(loaded[0]?.anchor?.subject, "root.linkerd.cluster.local");
});

test("a second up changes nothing", async () => {
  await upChangesNothing();
});

test("a renewal reaches it, as its event and its next certificate show", async () => {
  const { evidence } = await renew();
  for (const shown of ["reloaded", "loaded"]) {
    assert.ok(
      evidence.some(({ step }) => step === shown),
      `${shown} is among ${JSON.stringify(evidence)}`,
    );
  }
  await upChangesNothing();
});

test("destroy leaves nothing", async () => {
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  assert.deepEqual(await listObjects(), objectsBefore);
});
