/**
 * A trust anchor has ended, and its key is in someone else's hands: to issue it again would help the thief, so it is distrusted
 * as it is. On a mesh under load whose certificates are set back, as if it had been installed ten years ago.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { listMeshedPods, readHeldBundles } from "../../mesh/meshedPods.ts";
import { readTrust } from "../../mesh/trust.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import { allAccept, loadNamespace, startMeshUnderLoad } from "../meshLoad.ts";
import {
  type CommandResult,
  connectTo,
  execute,
  kubectl,
  operation,
  removeSandbox,
  sandboxName,
  set,
  up,
  upChangesNothing,
} from "../stack.ts";
import { endsSoon, everyLeafEnded, past } from "./aging.ts";
import { certificateIn, keyIn } from "./anchorSecrets.ts";
import { isLetIn, type Thief, thiefWith } from "./thief.ts";

const mesh = () => connectTo("linkerd");

// For the first test, in which none may end.
before(() => startMeshUnderLoad("300s", { simulated: 0, running: 3 }));
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

async function rotate(command: string, ...options: string[]): Promise<CommandResult> {
  return operation("rotate", command, ...options);
}

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

test("whoever has the key of an anchor that has ended is let in, until it is distrusted", async () => {
  const name = "linkerd-trust-anchor";
  const thief = await thiefOf(name);
  await past(await endsSoon(name));
  assert.equal(await letIn(thief), "by all");

  const plan = await rotate("plan");
  console.log(plan.stdout);
  const status = await operation("status");
  console.log(status.stdout);

  const asked = await rotate("begin", "--distrust");
  console.log(asked.stderr);
  assert.equal(asked.code, 2, asked.stdout);
  const begun = await rotate("begin", "--distrust", "--yes");
  console.log(begun.stderr, begun.stdout);
  assert.ok(begun.code === 0 || begun.code === 1, begun.stderr);
  await ends(2);
  await isRidOf(thief, "linkerd-trust-anchor-2");
});

test("the same when every certificate below it has ended as well, though the command is killed on its way", async () => {
  await set("issuanceLifetime", "120s");
  await up();
  const name = "linkerd-trust-anchor-2";
  const thief = await thiefOf(name);
  await past(await endsSoon(name));
  await everyLeafEnded();
  let isKilled = false;
  const args = ["operations/rotate/rotate.ts", "begin", "--distrust", "--yes"];
  await execute(process.execPath, args, (text, kill) => {
    if (isKilled || !/trust-anchor-3-certificate created/.test(text)) return;
    isKilled = true;
    kill();
  });
  assert.ok(isKilled);
  await ensureStack(sandboxName, console.log);
  await ends(3);
  await isRidOf(thief, "linkerd-trust-anchor-3");
});
