/**
 * What `recover` does when trust anchors have ended, or the cross certificate of one: on a mesh under load, whose certificates
 * are set back, as if it had been installed ten years ago.
 */
import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { DoneRemedy, RecoveredStateName } from "../../docs/recoveryPage.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import {
  loadNamespace,
  meanwhile,
  podOf,
  restartWorkloads,
  startMeshUnderLoad,
  undisturbed,
} from "../meshLoad.ts";
import {
  type CommandResult,
  execute,
  kubectl,
  operation,
  pulumi,
  refused,
  removeSandbox,
  run,
  sandboxName,
  set,
  up,
  upChangesNothing,
} from "../stack.ts";
import {
  agedTo,
  endsSoon,
  everyLeafEnded,
  issueAgain,
  past,
  putInPlace,
  untilEndMilliseconds,
} from "./aging.ts";
import { readBundle, restartControlPlane, setBundle } from "./anchorByHand.ts";
import { certificateIn, keyIn, secretText } from "./anchorSecrets.ts";
import { untilAllAccept } from "./keptRecoveries.ts";

const inLinkerd = "--namespace=linkerd";
// For the first test, in which none may end.
before(() => startMeshUnderLoad("300s", { simulated: 0, running: 3 }));
after(removeSandbox);

interface AnchorOutput {
  readonly generation: number;
  readonly fingerprintSha256: string;
  readonly notAfter: string;
  readonly crossCertificate?: { readonly notAfter: string };
}

const outputs = async () =>
  JSON.parse(await run("pulumi", "stack", "output", "trustAnchors", "--json")) as AnchorOutput[];

/** Name and key, by which a proxy knows an anchor. */
const authorityOf = ({ subject, publicKey }: X509Certificate) =>
  `${subject} ${publicKey.export({ format: "pem", type: "spki" })}`;

const recover = (...options: string[]): Promise<CommandResult> => operation("recover", ...options);

async function found(): Promise<string> {
  const { code, stdout, stderr } = await recover("--check");
  assert.equal(code, 1, stdout + stderr);
  return stdout;
}

/** Recovers the mesh, and keeps how long that took since it was begun. */
async function recovers(state: RecoveredStateName, begun = performance.now()): Promise<string[]> {
  const { code, stdout, stderr } = await recover("--yes", "--json");
  assert.equal(code, 0, stdout + stderr);
  const { done } = JSON.parse(stdout) as { done: DoneRemedy[] };
  await untilAllAccept(state, begun, done);
  return done.map(({ remedy }) => remedy);
}

async function isWhole(): Promise<void> {
  const again = await recover("--yes");
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.equal(again.stdout, "There is nothing to recover.\n");
  await upChangesNothing();
}

/** Has all that runs live on what has been set back, to its end. */
async function livesUntilThen(): Promise<void> {
  await issueAgain();
  await restartControlPlane();
  await restartWorkloads();
  await everyLeafEnded();
}

test("the anchor has ended, and certificates below it are alive: no pod of the load restarts, no connection is refused", async () => {
  const root = await certificateIn("linkerd-trust-anchor");
  await past(await endsSoon("linkerd-trust-anchor"));
  const output = await refused("up");
  assert.match(output, /unable to replace resource .*trust-anchor-certificate/);
  const told = await found();
  assert.match(told, /1\. Run pulumi up --refresh, which issues again what has ended/);
  assert.match(told, /Trust anchor "root\.linkerd\.cluster\.local": The anchor that signs expired at/);
  await undisturbed(async () => {
    assert.equal((await recovers("anchorEnded"))[0], "reissue");
  });
  const again = await certificateIn("linkerd-trust-anchor");
  assert.equal(authorityOf(again), authorityOf(root));
  const [anchor] = await outputs();
  assert.equal(anchor!.fingerprintSha256, again.fingerprint256);
  assert.ok(new Date(anchor!.notAfter).getTime() > Date.now() + 87_000 * 3_600_000);
  await undisturbed(isWhole);
});

test("the anchor has ended, and every certificate below it; the command is killed on its way", async () => {
  await set("issuanceLifetime", "120s");
  await up();
  const root = await certificateIn("linkerd-trust-anchor");
  await past(await endsSoon("linkerd-trust-anchor"));
  await everyLeafEnded();
  const begun = performance.now();
  let isKilled = false;
  await execute(process.execPath, ["operations/recover/recover.ts", "--yes"], (text, kill) => {
    if (isKilled || !/trust-anchor-certificate replaced|trust-anchor-certificate created/.test(text)) return;
    isKilled = true;
    kill();
  });
  assert.ok(isKilled);
  await ensureStack(sandboxName, console.log);
  const done = await recovers("anchorAndLeavesEnded", begun);
  assert.ok(done.includes("workloads"), done.join());
  await isWhole();
  assert.equal(authorityOf(await certificateIn("linkerd-trust-anchor")), authorityOf(root));
});

/** Has the first generation vouch for the second, if it does not yet. */
async function begin(): Promise<void> {
  if ((await outputs()).length > 1) return;
  const { code, stdout, stderr } = await operation("rotate", "begin", "--yes");
  assert.equal(code, 0, stdout + stderr);
}

test("the cross certificate has ended in the midst of a rotation, and so has the older root", async () => {
  await begin();
  const [old, next] = ["linkerd-trust-anchor", "linkerd-trust-anchor-2"];
  const [root, cross] = [await certificateIn(old), await certificateIn(`${next}-cross-signed`)];
  const second = await certificateIn(next);
  const key = await keyIn(old);
  const end = new Date(Date.now() + untilEndMilliseconds);
  await putInPlace([root, await agedTo(end, root, key)], [cross, await agedTo(end, cross, key)]);
  await livesUntilThen();
  const told = await found();
  assert.match(told, /The cross certificate of generation 2: Generation 1 vouched with it until/);
  const done = await recovers("crossCertificateEnded");
  assert.equal(done[0], "reissue");
  assert.ok(done.includes("workloads"), done.join());
  await isWhole();
  assert.equal((await certificateIn(next)).fingerprint256, second.fingerprint256);
  const [, anchor] = await outputs();
  assert.ok(new Date(anchor!.crossCertificate!.notAfter) > new Date());
  // And the rotation goes on.
  const settled = await operation("rotate", "plan", "--json");
  assert.equal(JSON.parse(settled.stdout).next.isOpen, true, settled.stdout);
});

test("the Secret of the cross certificate has one that has ended, which the stack has not", async () => {
  const name = "linkerd-trust-anchor-2-cross-signed";
  const cross = await certificateIn(name);
  const end = new Date(Date.now() + untilEndMilliseconds);
  const aged = await agedTo(end, cross, await keyIn("linkerd-trust-anchor"));
  const text = (await secretText(name, "tls.crt")).replace(
    cross.toString().trimEnd(),
    aged.toString().trimEnd(),
  );
  const patch = JSON.stringify({ stringData: { "tls.crt": text } });
  await kubectl("patch", "secret", name, inLinkerd, "--type=merge", `--patch=${patch}`);
  await livesUntilThen();
  const done = await recovers("crossCertificateInSecretEnded");
  assert.deepEqual([done[0], done.includes("issuer"), done.includes("workloads")], ["update", true, true]);
  await isWhole();
  assert.equal((await certificateIn(name)).fingerprint256, cross.fingerprint256);
  assert.match(await pulumi("config"), /trustAnchorGenerations +\[1,2\]/);
});

test("a rotation in one step: by the older generation's word, a pod of before it accepts the others again, without a restart", async () => {
  await begin();
  await restartWorkloads();
  const both = await readBundle();
  await setBundle((await certificateIn("linkerd-trust-anchor")).toString());
  // The injector has it when the kubelet has brought it there.
  await until("a pod to start with the older root alone", 180_000, async () => {
    await restartWorkloads("running-0");
    const spec = await kubectl(
      ...["get", "pod", await podOf("running-0"), `--namespace=${loadNamespace}`],
      "--output=jsonpath={.spec}",
    );
    return spec.split("BEGIN CERTIFICATE").length === 2;
  });
  await setBundle(both);
  const pod = await podOf("running-0");
  // What the gates do not see, they cannot refuse for.
  const label = (text: string) => kubectl("label", "pod", pod, `--namespace=${loadNamespace}`, text);
  await label("linkerd.io/control-plane-ns-");
  await set("crossSignTrustAnchors", "false");
  await up();
  await label("linkerd.io/control-plane-ns=linkerd");
  await until("a pod that has started since to be refused", 180_000, async () => {
    await restartWorkloads("running-1");
    const { refused: refusals } = await meanwhile(() => pause(10_000));
    return (refusals.UnknownIssuer ?? 0) > 0 || JSON.stringify(refusals);
  });
  assert.match(await found(), /running-0: 1 pod: refuses what identity signs, of which it knows only/);
  const done = await recovers("rotatedInOneStep");
  assert.equal(done[0], "vouch");
  assert.equal(await podOf("running-0"), pod);
  await isWhole();
  assert.match(await pulumi("config"), /crossSignTrustAnchors +true/);
});
