/**
 * A trust anchor has ended, and its key is in someone else's hands: to issue it again would help the thief, so it is distrusted
 * as it is. On a mesh under load whose certificates are set back, as if it had been installed ten years ago.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { listMeshedPods, readHeldBundles } from "../../mesh/meshedPods.ts";
import { readTrust } from "../../mesh/trust.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import { authority, hoursFromNow } from "../certificates.ts";
import { allAccept, loadNamespace, podOf, startLoad } from "../meshLoad.ts";
import {
  type CommandResult,
  check,
  connectTo,
  execute,
  kubectl,
  operation,
  removeSandbox,
  sandboxName,
  set,
  startSandbox,
  temporaryFolder,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";
import { endsSoon, everyLeafEnded, past } from "./aging.ts";
import { certificateIn, keyIn } from "./anchorSecrets.ts";
import { isLetIn, pemOfKey, type Thief, thiefWith } from "./thief.ts";

const mesh = () => connectTo("linkerd");

const files = {
  certificate: join(temporaryFolder(), "root.pem"),
  key: join(temporaryFolder(), "root.key"),
};

/** A root of one's own, and its key. */
async function writeRoot(commonName: string): Promise<void> {
  const { certificate, privateKey } = await authority({ commonName, notAfter: hoursFromNow(87_600) });
  writeFileSync(files.certificate, certificate.toString());
  writeFileSync(files.key, pemOfKey(privateKey), { mode: 0o600 });
}

// For all tests but the last one, in which none may end.
before(async () => {
  await startSandbox("kwok", "mesh-load");
  await set("issuanceLifetime", "600s");
  await set("clockSkewAllowance", "10s");
  await writeRoot("company root");
  await set("providedTrustAnchors.1.certificateFile", files.certificate);
  await set("providedTrustAnchors.1.privateKeyFile", files.key);
  await up();
  await startLoad({ simulated: 0, running: 3 });
});
after(removeSandbox);

/** Whoever has the key that is in this Secret now. */
const thiefOf = async (name: string) =>
  thiefWith(await certificateIn(name), await keyIn(name), `running-1.${loadNamespace}`);

/** Whether each proxy lets it in, or none does; identity's own says nothing to anyone whom it lets in. */
async function letIn(thief: Thief): Promise<"by all" | "by none" | string> {
  const pods = (await listMeshedPods(mesh())).filter(({ workload }) => workload.name !== "linkerd-identity");
  const answers = await Promise.all(
    pods.map(async (pod) => [`${pod.namespace}/${pod.name}`, await isLetIn(thief, pod)] as const),
  );
  const by = answers.filter(([, isIn]) => isIn).map(([name]) => name);
  if (by.length === 0) return "by none";
  return by.length === answers.length ? "by all" : by.join();
}

const rotate = (command: string, ...options: string[]): Promise<CommandResult> =>
  operation("rotate", command, ...options);

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
}

/** Goes on until no rotation is under way; pods that were replaced may take a while to end. */
const ends = (generation: number) =>
  until("the rotation to end", 5 * 60_000, async () => {
    const { code, stdout, stderr } = await rotate("run", "--json");
    assert.equal(code, 0, stdout + stderr);
    const { stage, generations } = JSON.parse(stdout) as Plan;
    return (stage === "idle" && generations.join() === String(generation)) || `${stage} [${generations}]`;
  });

/** The mesh works with the anchor in this Secret alone, and no one of it lets in whoever has the key of the one before. */
async function isRidOf(thief: Thief, name: string): Promise<void> {
  await allAccept(0);
  const root = await certificateIn(name);
  const trust = await readTrust(mesh());
  const bundles = await readHeldBundles(mesh(), trust, await listMeshedPods(mesh()));
  for (const anchors of [trust.anchors, ...bundles.map(({ anchors = [] }) => anchors)]) {
    assert.deepEqual(
      anchors.map(({ x509 }) => x509.fingerprint256),
      [root.fingerprint256],
    );
  }
  const secrets = await kubectl("get", "secrets", "--namespace=linkerd", "--output=name");
  assert.deepEqual(
    secrets.split("\n").filter((one) => /trust-anchor/.test(one)),
    [`secret/${name}`],
  );
  assert.equal(await letIn(thief), "by none");
  assert.equal(await letIn(await thiefOf(name)), "by all");
  const status = await operation("status", "--leaves");
  assert.equal(status.code, 0, status.stdout + status.stderr);
  await upChangesNothing();
}

/** Distrusts, and kills the command when it has said that. */
async function killedAt(said: RegExp, ...options: string[]): Promise<void> {
  let text = "";
  const args = ["operations/rotate/rotate.ts", "begin", "--distrust", "--yes", ...options];
  const { code } = await execute(process.execPath, args, (part, kill) => {
    text += part;
    if (said.test(text)) kill();
  });
  assert.match(text, said);
  assert.notEqual(code, 0, text);
  await ensureStack(sandboxName, console.log);
}

/** What it says before it begins, where there is no terminal to ask on. */
async function told(): Promise<string> {
  const { code, stdout, stderr } = await rotate("begin", "--distrust");
  assert.equal(code, 2, stdout + stderr);
  return stderr;
}

const rotates = "npm run -s rotate -- begin --distrust";

test("an anchor that was given has ended, and its key is lost: the next one takes its place, and there is no way back", async () => {
  const name = "linkerd-trust-anchor";
  const thief = await thiefOf(name);
  const end = await endsSoon(name);
  writeFileSync(files.certificate, (await certificateIn(name)).toString());
  await past(end);
  const { stdout: plan } = await operation("recover", "--check");
  assert.match(
    plan,
    /It was given \(providedTrustAnchors\.1\)\. Whoever has its key issues its certificate again/,
  );
  assert.match(plan, new RegExp(rotates));

  await unset("providedTrustAnchors.1.privateKeyFile");
  rmSync(files.key);
  const { findings } = await check();
  assert.ok(findings.some(({ rule, fix }) => rule === "signing-key" && fix.includes(rotates)));
  assert.match(await told(), /There is no way back/);
  await killedAt(/linkerd-trust-anchor-2 created/);
  const back = await rotate("abort", "--yes");
  assert.equal(back.code, 2, back.stdout);
  assert.match(back.stderr, /To go on: npm run -s rotate -- run$/m);
  await ends(2);
  await isRidOf(thief, "linkerd-trust-anchor-2");
});

test("whoever has the key of an anchor that has ended is let in until it is distrusted, which can be taken back", async () => {
  const name = "linkerd-trust-anchor-2";
  const thief = await thiefOf(name);
  await past(await endsSoon(name));
  assert.equal(await letIn(thief), "by all");

  const { stdout: plan } = await rotate("plan");
  assert.match(plan, /Generation 2 ended at /);
  assert.match(plan, new RegExp(`^Type: npm run -s recover, .*: ${rotates}$`, "m"));
  const { code, stdout: status } = await operation("status");
  assert.notEqual(code, 0, status);
  assert.match(
    status,
    new RegExp(`"root-2\\.linkerd\\.cluster\\.local", expired at .*\n.*Fix: .*${rotates}`),
  );
  assert.match(await told(), /rotate -- abort lets it vouch again\./);

  const budget = ["poddisruptionbudget", "whole"] as const;
  const inLoad = `--namespace=${loadNamespace}`;
  await kubectl("create", ...budget, inLoad, "--selector=app=running-0", "--min-available=1");
  const pod = await podOf("running-0");
  await killedAt(/waits for PodDisruptionBudget mesh-load\/whole/);
  const back = await rotate("abort", "--yes");
  assert.equal(back.code, 1, back.stdout + back.stderr);
  assert.match(back.stderr, /to restart them at once: npm run -s recover$/m);
  const recovered = await operation("recover", "--yes");
  assert.equal(recovered.code, 0, recovered.stdout + recovered.stderr);
  await allAccept(0);
  assert.equal(await podOf("running-0"), pod);

  await kubectl("delete", ...budget, inLoad);
  const again = await rotate("begin", "--distrust", "--yes");
  assert.ok(again.code === 0 || again.code === 1, again.stdout + again.stderr);
  await ends(3);
  await isRidOf(thief, "linkerd-trust-anchor-3");
});

test("the same when every certificate below it has ended as well, though the command is killed on its way", async () => {
  await set("issuanceLifetime", "120s");
  await up();
  const name = "linkerd-trust-anchor-3";
  const thief = await thiefOf(name);
  await past(await endsSoon(name));
  await everyLeafEnded();

  await writeRoot("the next company root");
  await killedAt(
    /Secret linkerd-trust-anchor-4 created/,
    ...["--certificate-file", files.certificate, "--private-key-file", files.key],
  );
  await ends(4);
  await isRidOf(thief, "linkerd-trust-anchor-4");
});
