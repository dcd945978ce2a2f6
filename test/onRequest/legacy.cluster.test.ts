/** Linkerd 2.10, whose one chart is `linkerd2`, on the last Kubernetes that has what it installs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chartArchive } from "../../sandbox/programs.ts";
import { until } from "../../sandbox/until.ts";
import { loadNamespace, meanwhile, removeLoad, restartWorkloads, startLoad } from "../meshLoad.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import {
  destroy,
  kubectl,
  operation,
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

/** Workloads of the load: their pods run, since Kubernetes 1.24 is too old for what simulates others. */
const running = 3;

let objectsBefore: string[];

before(async () => {
  await startSandbox("linkerd-2.10", "mesh-load");
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
  await set("issuanceLifetime", "60s");
  await set("clockSkewAllowance", "10s");
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

/** The end of a pod's leaf and how often it was refreshed, by the names that Linkerd 2.10's proxies have for them. */
async function metricsOf(app: string) {
  const pod = await kubectl(
    "get",
    "pods",
    `--namespace=${loadNamespace}`,
    `--selector=app=${app}`,
    "--output=jsonpath={.items[0].metadata.name}",
  );
  const text = await kubectl(
    "get",
    "--raw",
    `/api/v1/namespaces/${loadNamespace}/pods/${pod}:4191/proxy/metrics`,
  );
  const numberOf = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  return {
    end: numberOf("identity_cert_expiration_timestamp_seconds"),
    refreshes: numberOf("identity_cert_refresh_count"),
  };
}

test("proxies have leaves and renew them, and status reads each of them", async () => {
  await startLoad({ simulated: 0, running });
  const first = await metricsOf("running-0");
  await until("the next leaf", 90_000, async () => (await metricsOf("running-0")).end > first.end);
  assert.ok((await metricsOf("running-0")).refreshes > first.refreshes);
  const { code, stdout, stderr } = await operation("status", "--leaves", "--json");
  assert.equal(code, 0, stdout + stderr);
  const { pods, leaves } = JSON.parse(stdout).mesh;
  assert.equal(leaves.length, pods);
  for (const { pod, state, generation } of leaves) {
    assert.deepEqual({ state, generation }, { state: "live", generation: 1 }, pod);
  }
});

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
  readonly signingGeneration: number;
}

/** Runs a command of the rotation, while which no connection of the load is refused, and gives where it stands then. */
async function rotate(command: string, expected = 0): Promise<Plan> {
  let plan: Plan | undefined;
  const {
    handshakes,
    refused: refusals,
    last,
  } = await meanwhile(async () => {
    const { code, stdout, stderr } = await operation("rotate", command, "--json", "--yes");
    assert.equal(code, expected, stdout + stderr);
    plan = JSON.parse(stdout);
  });
  assert.deepEqual(refusals, {}, `${command}: ${JSON.stringify(last.slice(-5))}`);
  assert.ok(handshakes > 0);
  return plan!;
}

/** What is left of a rotation when the newest generation signs alone. */
async function rotationEnds(generation: number): Promise<void> {
  await until("the rotation to end", 8 * 60_000, async () => {
    const plan = await rotate("run");
    return plan.stage === "idle" || JSON.stringify(plan);
  });
  const { generations } = await rotate("run");
  assert.deepEqual(generations, [generation]);
  await upChangesNothing();
}

test("its trust anchor rotates: the old one vouches for the new one until every pod has been restarted", async () => {
  const begun = await rotate("begin");
  assert.equal(begun.stage, "vouched");
  assert.equal(begun.signingGeneration, 2);
  assert.equal((await rotate("finish", 1)).stage, "vouched");
  await restartWorkloads();
  assert.equal((await rotate("finish")).stage, "alone");
  await rotationEnds(2);
});

test("its trust anchor rotates in stages, where nothing vouches", async () => {
  await set("crossSignTrustAnchors", "false");
  const begun = await rotate("begin");
  assert.equal(begun.stage, "distributed");
  assert.equal(begun.signingGeneration, 2);
  assert.equal((await rotate("activate", 1)).stage, "distributed");
  await restartWorkloads();
  const activated = await rotate("activate");
  assert.equal(activated.stage, "alone");
  assert.equal(activated.signingGeneration, 3);
  await rotationEnds(3);
});

test("destroy leaves nothing", async () => {
  await removeLoad();
  await set("protectTrustAnchors", "false");
  await up();
  await destroy();
  assert.deepEqual(await listObjects(), objectsBefore);
});
