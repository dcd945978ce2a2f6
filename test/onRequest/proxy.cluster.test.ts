/** The proxy's stand-in does with credentials what Linkerd's own does, also where that hurts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "../../sandbox/until.ts";
import {
  allAccept,
  loadNamespace,
  loadProxies,
  loadStatus,
  meanwhile,
  podOf,
  restartWorkloads,
  startMeshUnderLoad,
} from "../meshLoad.ts";
import { kubectl, removeSandbox, run } from "../stack.ts";
import { swapAnchor } from "./anchorByHand.ts";

const simulated = 20;
const running = 3;
const inLinkerd = "--namespace=linkerd";
const inLoad = `--namespace=${loadNamespace}`;
/** How long an issued leaf is good, and when it is renewed: both allowances are part of its life. */
const leafSeconds = 70;

before(() => startMeshUnderLoad("60s", { simulated, running }, "linkerd"));
after(removeSandbox);

const logOf = async (app: string) => kubectl("logs", inLoad, await podOf(app), "--container=linkerd-proxy");

/** The metrics of a pod's leaf. */
async function metricsOf(app: string) {
  const path = `/api/v1/namespaces/${loadNamespace}/pods/${await podOf(app)}:4191/proxy/metrics`;
  const text = await kubectl("get", "--raw", path);
  const metrics = new Map(
    text.split("\n").flatMap((line) => {
      const [, name, value] = /^control_identity_cert_(\S+) (\S+)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(value)] as const];
    }),
  );
  return {
    expiration: metrics.get("expiration_timestamp_seconds")!,
    refresh: metrics.get("refresh_timestamp_seconds")!,
    ok: metrics.get('refreshes_total{result="ok"}')!,
    errors: metrics.get('refreshes_total{result="error"}')!,
  };
}

const nowSeconds = () => Date.now() / 1000;

test("every proxy of the control plane and of the load has a leaf, and each accepts each other", async () => {
  const seen = await meanwhile(() => pause(5_000));
  assert.deepEqual(seen.refused, {});
  assert.equal(seen.renewals.failed, 0);
  assert.ok(seen.handshakes >= 100, `${seen.handshakes} handshakes`);
  const ready = await kubectl(
    "get",
    "pods",
    inLinkerd,
    "--output=jsonpath={.items[*].status.containerStatuses[*].ready}",
  );
  assert.match(ready, /^(true ?)+$/);
});

test("linkerd identity prints the leaf of a pod, which its metrics agree with", async () => {
  const identity = `running-0.${loadNamespace}.serviceaccount.identity.linkerd.cluster.local`;
  const printed = await run("linkerd", "identity", inLoad, await podOf("running-0"));
  assert.match(printed, new RegExp(`DNS:${identity.replaceAll(".", "\\.")}\\n`));
  assert.match(printed, /Issuer: CN=identity\.linkerd\.cluster\.local/);
  const { expiration, refresh, ok, errors } = await metricsOf("running-0");
  assert.ok(Math.abs(expiration - refresh - leafSeconds) < 3, `${expiration} - ${refresh}`);
  assert.ok(ok >= 1 && errors === 0, `${ok}, ${errors}`);
});

test("a leaf is renewed at 70 % of its life", async () => {
  const first = await metricsOf("running-0");
  await until("the next leaf", 90_000, async () => (await metricsOf("running-0")).refresh > first.refresh);
  const second = await metricsOf("running-0");
  const age = second.refresh - first.refresh;
  assert.ok(Math.abs(age - 0.7 * leafSeconds) < 4, `${age} s`);
  assert.equal(second.ok, first.ok + 1);
});

/** Waits until so many leaves of simulated pods, and those of pods that run, have ended. */
const leavesEnd = (count: number, ...apps: string[]) =>
  until(`${count} leaves to end, and those of ${apps.join(", ")}`, 120_000, async () => {
    const { ended } = await loadStatus();
    const leaves = await Promise.all(apps.map(metricsOf));
    const living = leaves.filter(({ expiration }) => expiration > nowSeconds()).length;
    return (ended === count && living === 0) || `${ended} have ended; ${living}`;
  });

test("with identity away until its leaf ends, a proxy never comes back; a restart helps", async () => {
  await kubectl("scale", inLinkerd, "deployment/linkerd-identity", "--replicas=0");
  await leavesEnd(simulated, "running-0", "running-1", "running-2");
  await kubectl("scale", inLinkerd, "deployment/linkerd-identity", "--replicas=1");
  await kubectl("rollout", "status", inLinkerd, "deployment/linkerd-identity", "--timeout=120s");
  // Each asks every ten seconds.
  const seen = await meanwhile(() => pause(30_000));
  assert.equal(seen.handshakes, 0);
  assert.deepEqual(Object.keys(seen.refused), ["Expired"]);
  assert.equal(seen.renewals.ok, 0);
  assert.ok(seen.renewals.failed >= simulated, `${seen.renewals.failed} renewals failed`);
  const { expiration, errors } = await metricsOf("running-0");
  assert.ok(expiration < nowSeconds());
  assert.equal(errors, 0, "no metric tells");
  assert.match(await logOf("running-0"), /Failed to obtain identity.*tls: expired certificate/);
  const ready = await kubectl(
    "get",
    "pods",
    inLoad,
    "--selector=app=running-0",
    "--output=jsonpath={.items[*].status.containerStatuses[*].ready}",
  );
  assert.equal(ready, "true true");

  await restartWorkloads("simulated-0", "running-0");
  assert.ok((await metricsOf("running-0")).expiration > nowSeconds());
  await restartWorkloads();
  await allAccept(simulated);
});

test("a naive swap of the trust anchor: who was not restarted is refused, and gets no leaf; a restart helps", async () => {
  await swapAnchor();
  await restartWorkloads("simulated-0", "running-0");
  // Every leaf is alive yet: they are refused for their issuer.
  const seen = await meanwhile(() => pause(5_000));
  assert.ok(seen.handshakes > 0, "the others accept each other still");
  assert.deepEqual(Object.keys(seen.refused), ["UnknownIssuer"], JSON.stringify(seen.last.slice(-5)));
  for (const { client, server } of seen.last.filter(({ reason }) => reason === "UnknownIssuer")) {
    const isNew = (pod: string) => /\/(simulated|running)-0-/.test(pod);
    assert.notEqual(isNew(client), isNew(server), `${client} met ${server}`);
  }

  await leavesEnd(simulated - 1, "running-1", "running-2");
  // A renewal tries for half a minute to connect, and so it may outlast the leaf.
  await until("the renewals of all that were not restarted to fail", 60_000, async () => {
    const others = (await loadProxies()).filter(({ pod }) => /\/simulated-(?!0-)/.test(pod));
    const failing = others.filter(({ renewals }) => renewals.failed > 0).length;
    return failing === simulated - 1 || `those of ${failing} of ${others.length} have`;
  });
  assert.match(await logOf("running-1"), /invalid peer certificate: UnknownIssuer/);
  assert.equal((await metricsOf("running-1")).errors, 0);
  assert.ok((await metricsOf("running-0")).expiration > nowSeconds());

  await restartWorkloads();
  await allAccept(simulated);
});
