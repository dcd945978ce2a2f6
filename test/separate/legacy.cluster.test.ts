/** Linkerd 2.10, whose one chart is `linkerd2`, on the last Kubernetes that has what it installs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reset } from "../../sandbox/lifecycle.ts";
import { chartArchive } from "../../sandbox/programs.ts";
import { listObjects, listObjectsOfSettledCluster } from "../cluster/objects.ts";
import { execute, sandboxName, succeed, testSandbox } from "../cluster/sandbox.ts";

let environment: NodeJS.ProcessEnv;
let objectsBefore: string[];

const pulumi = (...args: string[]) => succeed(environment, "pulumi", ...args);
const configure = (key: string, value: string) => pulumi("config", "set", key, value);
const up = (...args: string[]) => pulumi("up", "--yes", "--skip-preview", ...args);
const operation = (name: string) => succeed(environment, process.execPath, `operations/${name}.ts`, "--json");
const kubectl = async (...args: string[]) => (await succeed(environment, "kubectl", ...args)).stdout;

before(async () => {
  await reset(sandboxName, console.log);
  environment = await testSandbox(sandboxName, ["linkerd-2.10"]);
  // Its newest definitions have fields that this API server does not know, and drops: Helm must not look at them.
  await succeed(
    environment,
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
  objectsBefore = await listObjectsOfSettledCluster(environment);
  await configure("installCertManager", "false");
  await configure("linkerdControlPlaneChart", await chartArchive(sandboxName, "linkerd2"));
});

after(() => reset(sandboxName, console.log));

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
  const { code, stdout, stderr } = await execute(environment, "pulumi", ["up", "--yes", "--skip-preview"]);
  assert.notEqual(code, 0, stdout);
  assert.match(
    stdout + stderr,
    /rotateWebhookCredentials: The webhooks of Linkerd 2\.10 do not take their CA/,
  );
  assert.deepEqual(await listObjects(environment), objectsBefore);
});

test("up installs the credentials and Linkerd 2.10", async () => {
  await configure("rotateWebhookCredentials", "false");
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
  const { verdict, loaded } = JSON.parse((await operation("credentials")).stdout);
  assert.equal(verdict, "ok");
  assert.equal(loaded[0].anchor.subject, "root.linkerd.cluster.local");
});

test("a second up changes nothing", async () => {
  await up("--expect-no-changes");
});

test("a renewal reaches it, as its event and its next certificate show", async () => {
  const { renewed, evidence } = JSON.parse((await operation("renew")).stdout) as {
    renewed: boolean;
    evidence: { step: string }[];
  };
  assert.equal(renewed, true);
  for (const shown of ["reloaded", "loaded"]) {
    assert.ok(
      evidence.some(({ step }) => step === shown),
      `${shown} is among ${JSON.stringify(evidence)}`,
    );
  }
  await up("--expect-no-changes");
});

test("destroy leaves nothing", async () => {
  await configure("protectTrustAnchors", "false");
  await up();
  await pulumi("destroy", "--yes", "--skip-preview");
  assert.deepEqual(await listObjects(environment), objectsBefore);
});
