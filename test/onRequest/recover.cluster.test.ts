/**
 * `npm run test:recover`: each state that `recover` is for is made on a running mesh, whose proxies open connections to each
 * other all the time, and left again by the command. The anchor is the same at the end as at the beginning.
 */
import assert from "node:assert/strict";
import { createPrivateKey, KeyObject, type webcrypto, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DoneRemedy, RecoveredStateName } from "../../docs/recoveryPage.ts";
import type { Plan } from "../../rules/recovery/plan.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import { authority, type Fabricated, hoursFromNow, leaf } from "../certificates.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { allAccept, loadNamespace, podOf, restartWorkloads, startMeshUnderLoad } from "../meshLoad.ts";
import { findKeys, type PrivateKey } from "../privateKeys.ts";
import {
  type CommandResult,
  execute,
  kubectl,
  operation,
  removeSandbox,
  run,
  sandboxName,
  set,
  temporaryFolder,
} from "../stack.ts";
import { swapAnchor } from "./anchorByHand.ts";
import { untilAllAccept } from "./keptRecoveries.ts";

const inLinkerd = "--namespace=linkerd";
/** Of a leaf: both allowances for clocks are part of it. */
const leafMilliseconds = 140_000;
const issuerSecret = "linkerd-identity-issuer";

/** The anchors as they were before the first state. */
let anchors: string;
/** What the commands have said, and the keys that there were. */
const said: string[] = [];
const keys = new Map<string, PrivateKey>();

before(async () => {
  await startMeshUnderLoad("120s", { simulated: 0, running: 3 });
  anchors = await output("trustAnchors");
});
after(removeSandbox);

async function output(name: string): Promise<string> {
  return run("pulumi", "stack", "output", name, "--json");
}

async function recover(...options: string[]): Promise<CommandResult> {
  await rememberKeys();
  const result = await operation("recover", ...options);
  said.push(result.stdout + result.stderr);
  return result;
}

/** What is found wrong by a look that changes nothing. */
async function found(): Promise<string> {
  const { stdout, stderr } = await recover("--check");
  assert.equal(stderr, "");
  return stdout;
}

interface Recovered {
  /** Without the waits for an issuer that is only on its way. */
  readonly remedies: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

/** Recovers the mesh, and keeps how long that took since it was begun. */
async function recovered(
  state: RecoveredStateName,
  { begun = performance.now(), exitCode = 0 } = {},
): Promise<Recovered> {
  const { code, stdout, stderr } = await recover("--yes", "--json");
  assert.equal(code, exitCode, stdout + stderr);
  const { done } = JSON.parse(stdout) as { done: DoneRemedy[] };
  await untilAllAccept(state, begun, done);
  const remedies = done.map(({ remedy }) => remedy).filter((remedy) => remedy !== "reload");
  return { remedies, stdout, stderr };
}

/** Recovers the mesh, and looks that it is whole, has its old anchor, and that a second run does nothing. */
async function recovers(state: RecoveredStateName, begun?: number): Promise<Recovered> {
  const told = await recovered(state, begun === undefined ? {} : { begun });
  await isWhole();
  return told;
}

async function isWhole(): Promise<void> {
  assert.equal(await output("trustAnchors"), anchors);
  await allAccept(0);
  const versions = await everyVersion();
  const again = await recover("--yes");
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.equal(again.stdout, "There is nothing to recover.\n");
  assert.deepEqual(await everyVersion(), versions);
}

/** Every object of the mesh, with what changes when someone changes more than its status. */
async function everyVersion(): Promise<string[]> {
  const kinds = "secrets,configmaps,issuers,certificates,deployments,pods";
  const namespaces = ["linkerd", loadNamespace];
  const listed = await Promise.all(
    namespaces.map((namespace) => kubectl("get", kinds, `--namespace=${namespace}`, "--output=json")),
  );
  return listed
    .flatMap((text) => JSON.parse(text).items)
    .filter(({ metadata }) => !/heartbeat/.test(metadata.name))
    .map(({ kind, metadata: { name, uid, generation, resourceVersion } }) =>
      // Those without a generation have no status either.
      [kind, name, uid, kind === "Pod" ? "" : (generation ?? resourceVersion)].join(" "),
    )
    .sort();
}

async function rememberKeys(): Promise<void> {
  const { items } = JSON.parse(await kubectl("get", "secrets", inLinkerd, "--output=json"));
  for (const { metadata, data } of items) {
    const pem = data?.["tls.key"] && Buffer.from(data["tls.key"], "base64").toString();
    if (pem) keys.set(pem, { name: metadata.name, pem });
  }
}

const stop = (deployment: string, namespace: string) => scale(deployment, namespace, 0);
const start = (deployment: string, namespace: string) => scale(deployment, namespace, 1);

async function scale(deployment: string, namespace: string, replicas: number): Promise<void> {
  const name = `deployment/${deployment}`;
  await kubectl("scale", name, `--namespace=${namespace}`, `--replicas=${replicas}`);
  await kubectl("rollout", "status", name, `--namespace=${namespace}`, "--timeout=120s");
}

/** Does something while cert-manager does not see it, so that it stays. */
async function behindCertManager(work: () => Promise<void>): Promise<void> {
  await stop("cert-manager", "cert-manager");
  await work();
}

async function patch(object: readonly string[], content: object): Promise<void> {
  const file = join(temporaryFolder(), "patch.json");
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
  await kubectl("patch", ...object, inLinkerd, "--type=merge", `--patch-file=${file}`);
}

const setSecret = (name: string, stringData: Readonly<Record<string, string>>) =>
  patch(["secret", name], { stringData });

const setBundle = (text: string) =>
  patch(["configmap", "linkerd-identity-trust-roots"], { data: { "ca-bundle.crt": text } });

const pemOf = (certificate: X509Certificate) => certificate.toString().trimEnd();
const keyPem = (key: webcrypto.CryptoKey) =>
  KeyObject.from(key).export({ format: "pem", type: "pkcs8" }).toString();

const p256 = { name: "ECDSA", namedCurve: "P-256" };

async function secretText(name: string, key: string): Promise<string> {
  const { data } = JSON.parse(await kubectl("get", "secret", name, inLinkerd, "--output=json"));
  return Buffer.from(data[key], "base64").toString();
}

/** A certificate of the same key as the last one that cert-manager has asked for is not written again by it. */
async function publicKeyIn(name: string): Promise<webcrypto.CryptoKey> {
  const { publicKey } = new X509Certificate(await secretText(name, "tls.crt"));
  const spki = publicKey.export({ format: "der", type: "spki" });
  return crypto.subtle.importKey("spki", spki, p256, true, ["verify"]);
}

/** The anchor of the stack, with its key, from its Secret. */
async function anchorOnCluster(): Promise<Pick<Fabricated, "certificate" | "privateKey">> {
  const name = "linkerd-trust-anchor";
  const key = createPrivateKey(await secretText(name, "tls.key")).export({ format: "der", type: "pkcs8" });
  return {
    certificate: new X509Certificate(await secretText(name, "tls.crt")),
    privateKey: await crypto.subtle.importKey("pkcs8", key, p256, true, ["sign"]),
  };
}

/** Returns in the midst of an upgrade of Helm's, which waits for the control plane to roll out. */
const upgradeBegun = () =>
  until("Helm's record of the upgrade", 60_000, async () => {
    const selector = "--selector=owner=helm,name=linkerd-control-plane,status=pending-upgrade";
    return (await kubectl("get", "secrets", inLinkerd, selector, "--output=name")) !== "";
  });

const everyLeafEnded = () =>
  until("every leaf to end", 3 * leafMilliseconds, async () => {
    const told = await found();
    const isTold = (index: number) => told.includes(`running-${index}: 1 pod: its leaf ended`);
    return [0, 1, 2].every(isTold) || told;
  });

const podNames = async () =>
  (await kubectl("get", "pods", `--namespace=${loadNamespace}`, "--output=name")).trim().split("\n").sort();

test("a mesh that is whole: nothing to do", isWhole);

test("the anchor's Secret, its Issuer and the issuer's Certificate are deleted", async () => {
  const names = [
    "secret/linkerd-trust-anchor",
    "issuer/linkerd-trust-anchor",
    "certificate/linkerd-identity-issuer",
  ];
  await kubectl("delete", ...names, inLinkerd);
  const told = await found();
  assert.match(told, /1\. Run pulumi up --refresh/);
  assert.match(told, /Secret linkerd\/linkerd-trust-anchor: It does not exist\./);
  assert.match(told, /Issuer linkerd\/linkerd-trust-anchor: It does not exist\./);
  assert.match(told, /Certificate linkerd\/linkerd-identity-issuer: It does not exist\./);
  assert.deepEqual((await recovers("objectsDeleted")).remedies, ["update"]);
});

test("the anchor's Secret holds another mesh's root", async () => {
  const other = await authority({ commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(1000) });
  await setSecret("linkerd-trust-anchor", {
    "tls.crt": pemOf(other.certificate),
    "tls.key": keyPem(other.privateKey),
  });
  assert.match(await found(), /It holds the certificate \S+, and the stack's is /);
  assert.deepEqual((await recovers("anchorSwappedInSecret")).remedies, ["update"]);
});

test("the bundle is emptied, and the anchor's Secret deleted: the commands of docs/recovery.md", async () => {
  await setBundle("");
  await kubectl("delete", "secret/linkerd-trust-anchor", inLinkerd);
  await kubectl("rollout", "restart", "deployment/running-0", `--namespace=${loadNamespace}`);
  const scripts = commandBlocks("docs/recovery.md").map(({ script }) => script);
  const codes: (number | null)[] = [];
  const begun = performance.now();
  for (const script of scripts) {
    const { code, stdout, stderr } = await execute("bash", ["-c", `set -e\n${script}`]);
    codes.push(code);
    said.push(stdout + stderr);
  }
  await untilAllAccept("bundleEmptied", begun, []);
  assert.deepEqual(codes, [1, 0, 0], said.slice(-scripts.length).join("\n"));
  const [looked, recovered] = said.slice(-scripts.length);
  assert.match(looked!, /1\. Give the ConfigMap of the trust anchors what the stack has installed/);
  assert.match(looked!, /2\. Run pulumi up --refresh/);
  assert.match(recovered!, /^There is nothing to recover\.\n/);
  await isWhole();
});

test("the bundle holds a foreign root, and pods have started with it", async () => {
  const foreign = await authority({ commonName: "root.elsewhere", notAfter: hoursFromNow(1000) });
  await setBundle(pemOf(foreign.certificate));
  await restartWorkloads("running-0", "running-1").catch(() => {});
  const kept = await podOf("running-2");
  await recovers("bundleForeign");
  assert.equal(await podOf("running-2"), kept);
});

test("identity is in a crash loop on a bundle that it cannot read", async () => {
  await setBundle("no certificate");
  await kubectl("delete", "pod", inLinkerd, "--selector=linkerd.io/control-plane-component=identity");
  await until("identity to crash", 120_000, async () => {
    const { items } = JSON.parse(
      await kubectl(
        ...["get", "pods", inLinkerd, "--output=json"],
        "--selector=linkerd.io/control-plane-component=identity",
      ),
    );
    const restarts = items.flatMap(
      ({ status }: { status: { containerStatuses?: { restartCount: number }[] } }) =>
        (status.containerStatuses ?? []).map(({ restartCount }) => restartCount),
    );
    return restarts.some((count: number) => count > 0) || JSON.stringify(restarts);
  });
  const { stderr } = await recovers("identityCrashing");
  assert.match(stderr, /To give the ConfigMap of the trust anchors what the stack has installed …/);
});

test("the issuer is another mesh's; cert-manager is named as long as it is not there", async () => {
  const foreign = await authority({ commonName: "root.elsewhere", notAfter: hoursFromNow(1000) });
  const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: foreign });
  await behindCertManager(async () => {
    await setSecret(issuerSecret, {
      "tls.crt": pemOf(issuer.certificate),
      "tls.key": keyPem(issuer.privateKey),
      "ca.crt": pemOf(foreign.certificate),
    });
    await kubectl("delete", "pod", inLinkerd, "--selector=linkerd.io/control-plane-component=identity");
    const { code, stdout } = await recover("--yes");
    assert.equal(code, 1, stdout);
    assert.match(stdout, /What this command leaves to you:\n {2}Deployment cert-manager\/cert-manager: /);
  });
  await start("cert-manager", "cert-manager");
  await recovers("issuerForeign");
});

test("the issuer is a leaf of the same key, which cert-manager does not mind", async () => {
  const certificate = await leaf({
    commonName: "identity.linkerd.cluster.local",
    signer: await anchorOnCluster(),
    publicKey: await publicKeyIn(issuerSecret),
  });
  await setSecret(issuerSecret, { "tls.crt": pemOf(certificate) });
  const { stderr } = await recovers("issuerLeaf");
  assert.match(stderr, /To have cert-manager issue the identity issuer again …/);
});

test("the issuer's Secret is deleted, and truncated", async () => {
  await kubectl("delete", "secret", issuerSecret, inLinkerd);
  await recovers("issuerDeleted");
  await setSecret(issuerSecret, { "tls.crt": "-----BEGIN CERTIFICATE-----\nMIIB" });
  await recovers("issuerTruncated");
});

test("the issuer has ended, and every leaf with it; the command is killed on its way", async () => {
  await behindCertManager(async () => {
    const ending = new Date(Date.now() + 60_000);
    const signer = await anchorOnCluster();
    const issuer = await authority({
      commonName: "identity.linkerd.cluster.local",
      signer,
      notAfter: ending,
    });
    await setSecret(issuerSecret, {
      "tls.crt": pemOf(issuer.certificate),
      "tls.key": keyPem(issuer.privateKey),
    });
    await everyLeafEnded();
  });
  await start("cert-manager", "cert-manager");
  const names = await podNames();
  const begun = performance.now();
  let isKilled = false;
  await execute(process.execPath, ["operations/recover/recover.ts", "--yes"], (text, kill) => {
    said.push(text);
    if (!isKilled && /has restarted/.test(text)) {
      isKilled = true;
      kill();
    }
  });
  assert.ok(isKilled);
  await recovers("issuerEnded", begun);
  const left = new Set(await podNames());
  assert.deepEqual(
    names.filter((name) => left.has(name)).map((name) => name.replace(/-\w+-\w+$/, "")),
    ["pod/holder"],
  );
});

test("identity was down for longer than a leaf lives: the same pods restart, and nothing else", async () => {
  await stop("linkerd-identity", "linkerd");
  await everyLeafEnded();
  await start("linkerd-identity", "linkerd");
  await restartWorkloads("running-0");
  const fresh = await podOf("running-0");
  assert.deepEqual((await recovers("identityDown")).remedies, ["controlPlane", "workloads"]);
  assert.equal(await podOf("running-0"), fresh);
});

test("someone has swapped the anchor by hand, in one step: the mesh goes back to the stack's", async () => {
  await swapAnchor();
  await restartWorkloads("running-1");
  const kept = await podOf("running-2");
  await recovers("swappedByHand");
  assert.equal(await podOf("running-2"), kept);
});

test("pulumi up was killed in the midst of Helm, and has left its lock", async () => {
  await set("linkerdControlPlaneValues.podLabels.recovered", "yes");
  let killing: Promise<void> | undefined;
  await execute("pulumi", ["up", "--yes", "--skip-preview"], (text, kill) => {
    if (killing === undefined && /Release linkerd-control-plane updating/.test(text)) {
      killing = upgradeBegun().then(kill);
    }
  });
  await killing!;
  const locked = await recover("--yes");
  assert.equal(locked.code, 2, locked.stdout + locked.stderr);
  assert.match(locked.stderr, /pulumi cancel/);
  await ensureStack(sandboxName, console.log);
  const { stderr } = await recovers("updateKilled");
  assert.match(stderr, /pulumi up: It was killed while it was updating linkerd-control-plane\./);
});

test("a webhook's certificate leads to another CA, and a pod came up without a proxy", async () => {
  const ca = await authority({ commonName: "webhooks.elsewhere.svc" });
  const name = "linkerd-proxy-injector-k8s-tls";
  const certificate = await leaf({
    commonName: "linkerd-proxy-injector.linkerd.svc",
    signer: ca,
    publicKey: await publicKeyIn(name),
  });
  await setSecret(name, { "tls.crt": pemOf(certificate) });
  // The API server may go on for half an hour with a connection that it has.
  await stop("linkerd-proxy-injector", "linkerd");
  await kubectl("delete", "pod", `--namespace=${loadNamespace}`, await podOf("running-0"));
  await start("linkerd-proxy-injector", "linkerd");
  const bare = /Deployment mesh-load\/running-0: It has pods without a proxy/;
  assert.match(await found(), bare);
  const { stdout, stderr } = await recovered("webhookForeign", { exitCode: 1 });
  assert.match(stderr, /To have cert-manager issue the webhooks' certificates again …/);
  const { obstacles } = JSON.parse(stdout) as Plan;
  assert.match(obstacles.map(({ subject, message }) => `${subject}: ${message}`).join("\n"), bare);
  await restartWorkloads("running-0");
  await isWhole();
});

test("no key is given away by what the commands have said", () => {
  assert.ok(keys.size > 5);
  assert.deepEqual(
    said.flatMap((text) => findKeys(text, [...keys.values()])),
    [],
  );
});
