/**
 * The trust anchor rotates under a load: proxies that were started before, during and after it open connections to each
 * other all the time, and none of them is refused. Its credentials are guarded. Ways past its gates are for
 * `npm run test:rotation-gates`.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "../../sandbox/until.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { loadStatus, meanwhile, restartWorkloads, startMeshUnderLoad, undisturbed } from "../meshLoad.ts";
import {
  execute,
  kubectl,
  operation,
  refused,
  removeSandbox,
  run,
  set,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

const simulated = 10;
const running = 2;

before(() => startMeshUnderLoad("60s", { simulated, running, rate: 20 }));
after(removeSandbox);

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
  readonly signingGeneration: number;
  readonly pending: readonly string[];
  readonly next: {
    readonly step: string;
    readonly isOpen: boolean;
    readonly gates: readonly { readonly demand: string; readonly isOpen: boolean; readonly seen: string }[];
  };
}

/** Runs a command of the rotation, and gives where it stands then. */
async function rotate(command: string, expected: number, ...options: string[]): Promise<Plan> {
  const confirmed = command === "plan" ? [] : ["--yes"];
  const { code, stdout, stderr } = await operation("rotate", command, "--json", ...confirmed, ...options);
  assert.equal(code, expected, stdout + stderr);
  return JSON.parse(stdout) as Plan;
}

const remark = "run by test/cluster/rotation.cluster.test.ts";
const scriptsOf = (page: string) => commandBlocks(page).filter((block) => block.remark === remark);

/** Runs the commands of a page that begin like that, as a reader would. */
async function follow(command: string, page = "docs/rotation.md"): Promise<string> {
  const { script } = scriptsOf(page).find((one) => one.script.startsWith(`npm run -s rotate -- ${command}`))!;
  return run("bash", "-c", `set -e -o pipefail\n${script}`);
}

test("its credentials are guarded: an edit by hand is refused, and none of what follows is", async () => {
  await set("guardCredentials", "true");
  await up();
  let tries = 0;
  await until("the issuer's Secret to be guarded", 10_000, async () => {
    // Another one each time: kubectl sends none that changes nothing.
    const label = `try=${++tries}`;
    const args = ["label", "secret/linkerd-identity-issuer", "--namespace=linkerd", "--overwrite", label];
    const { code, stderr } = await execute("kubectl", args);
    return (code === 1 && /denied request: .*is guarded/.test(stderr)) || `${code}: ${stderr}`;
  });
});

test("before it begins, the plan says what comes next", async () => {
  const plan = await rotate("plan", 0);
  assert.equal(plan.stage, "idle");
  assert.deepEqual(plan.generations, [1]);
  assert.equal(plan.next.step, "begin");
  assert.ok(plan.next.isOpen, JSON.stringify(plan.next.gates));
  assert.match(await follow("plan"), /Nothing stands against it\. Type: npm run -s rotate -- begin$/m);
});

test("before its time, what a schedule runs changes nothing", async () => {
  assert.match(await follow("run", "docs/unattended-rotation.md"), /no rotation is under way/);
  await upChangesNothing();
});

test("it begins: the new generation signs at once, and nobody notices", async () => {
  await undisturbed(async () => {
    await follow("begin");
    const plan = await rotate("plan", 0);
    assert.equal(plan.stage, "vouched");
    assert.equal(plan.signingGeneration, 2);
    assert.deepEqual(plan.pending, []);
    await upChangesNothing();
  });
});

test("it does not go on while pods hold the old root alone, and the settings do not get past that", async () => {
  await restartWorkloads("simulated-0", "running-0");
  // A pod that was replaced counts until it has gone.
  const others = new RegExp(`^${simulated + running - 2} of \\d+ pods were not: Deployment mesh-load/`);
  await until("the pods that were replaced to go", 120_000, async () => {
    const { next } = await rotate("finish", 1);
    const [shut, ...more] = next.gates.filter(({ isOpen }) => !isOpen);
    assert.deepEqual(more, []);
    return others.test(shut!.seen) || shut!.seen;
  });
  await unset("trustAnchorGenerations");
  await set("trustAnchorGenerations[0]", "2");
  assert.match(await refused("preview"), /anchor-protected|signer-accepted/);
  await set("trustAnchorGenerations[0]", "1");
  await set("trustAnchorGenerations[1]", "2");
});

test("once every pod has been restarted, it goes on to its end, and nobody notices", async () => {
  await restartWorkloads();
  await undisturbed(async () => {
    assert.match(await follow("finish"), /generation 2 signs alone, and generation 1 is still trusted/);
    await follow("run", "docs/unattended-rotation.md");
    await until("the gates to open", 8 * 60_000, async () => {
      const { gates } = (await rotate("plan", 0)).next;
      return gates.every(({ isOpen }) => isOpen) || pause(5_000, JSON.stringify(gates));
    });
    await follow("run");
    const plan = await rotate("plan", 0);
    assert.equal(plan.stage, "idle");
    assert.deepEqual(plan.generations, [2]);
    await upChangesNothing();
  });
  const { ended } = await loadStatus();
  assert.equal(ended, 0);
  assert.equal(
    (await kubectl("get", "secrets", "--namespace=linkerd", "--output=name")).includes(
      "trust-anchor-2-cross",
    ),
    false,
  );
});

test("the first generation's pods are gone, and a pod that starts now trusts the second alone", async () => {
  await restartWorkloads("simulated-1", "running-1");
  const seen = await meanwhile(async () => {
    await until("connections of the new pods", 60_000, async () => (await loadStatus()).ended === 0);
  });
  assert.deepEqual(seen.refused, {});
});
