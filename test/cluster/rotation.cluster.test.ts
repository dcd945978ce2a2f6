/**
 * The trust anchor rotates under a load: proxies that were started before, during and after it open connections to each
 * other all the time, and none of them is refused.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Refusal, refusals, says } from "../../docs/rotationRefusals.ts";
import { until } from "../../sandbox/until.ts";
import { commandBlocks } from "../docs/commandBlocks.ts";
import { loadNamespace, loadStatus, meanwhile, restartWorkloads, startMeshUnderLoad } from "../meshLoad.ts";
import {
  execute,
  kubectl,
  operation,
  pulumi,
  refused,
  removeSandbox,
  run,
  set,
  unset,
  upChangesNothing,
} from "../stack.ts";

const simulated = 30;
const running = 3;

before(() => startMeshUnderLoad("60s", { simulated, running }));
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

/** While it is done, no connection is refused, no renewal fails, and no pod of the load is restarted. */
async function undisturbed(work: () => Promise<void>): Promise<void> {
  const podsBefore = await pods();
  const { handshakes, refused: refusals, renewals, last } = await meanwhile(work);
  assert.deepEqual(refusals, {}, JSON.stringify(last.slice(-5)));
  assert.equal(renewals.failed, 0, JSON.stringify(renewals));
  assert.ok(handshakes > 0);
  assert.equal(await pods(), podsBefore);
}

const pods = () =>
  kubectl("get", "pods", `--namespace=${loadNamespace}`, "--output=jsonpath={.items[*].metadata.uid}");

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

/** What docs/rotation-gates.md says that these commands are told. */
const ways = refusals.cluster;

function assertRefused(
  { code, stdout, stderr }: { code: number | null; stdout: string; stderr: string },
  refusal: Refusal,
): void {
  assert.notEqual(code, 0, stdout);
  assert.ok(says(stdout + stderr, refusal), `${refusal.words}\n${stdout}${stderr}`);
}

test("it does not begin without being told to", async () => {
  assertRefused(await operation("rotate", "begin"), ways.noTerminal);
  assert.equal((await rotate("plan", 0)).stage, "idle");
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

test("it does not go on while pods hold the old root alone, by whatever way", async () => {
  await restartWorkloads("simulated-0", "running-0");
  const { next } = await rotate("finish", 1);
  const shut = next.gates.filter(({ isOpen }) => !isOpen);
  assert.equal(shut.length, 1);
  assert.match(
    shut[0]!.seen,
    new RegExp(`^${simulated + running - 2} of \\d+ pods were not: Deployment mesh-load/`),
  );

  await undisturbed(async () => {
    await set("crossSignTrustAnchors", "false");
    for (const command of ["preview", "up"] as const) {
      assert.match(await refused(command), /signingGeneration: .*31 pods would refuse all that it signs/);
    }
    await unset("crossSignTrustAnchors");
    await unset("trustAnchorGenerations");
    await set("trustAnchorGenerations[0]", "2");
    for (const command of ["preview", "up"] as const) {
      assert.match(await refused(command), /anchor-protected|signer-accepted/);
    }
    await set("trustAnchorGenerations[0]", "1");
    await set("trustAnchorGenerations[1]", "2");
    await upChangesNothing();
  });
});

test("what Pulumi offers to get past its own guards does not get past these, and nothing of it is done", async () => {
  assertRefused(await operation("rotate", "begin", "--yes"), ways.begunTwice);
  const { deployment } = JSON.parse(await pulumi("stack", "export"));
  const urnOf = (name: string) =>
    deployment.resources.find(({ urn }: { urn: string }) => urn.endsWith(`::${name}`)).urn;
  const bundle = () => kubectl("get", "configmap", "-n=linkerd", "linkerd-identity-trust-roots", "-o=yaml");
  const before = await bundle();
  const upWith = (...options: string[]) => execute("pulumi", ["up", "--yes", "--skip-preview", ...options]);
  const newKey = urnOf("linkerd-trust-anchor-2-key");
  await undisturbed(async () => {
    assertRefused(await upWith("--replace", newKey, "--ignore-protect"), ways.replaced);
    await set("crossSignTrustAnchors", "false");
    assertRefused(await upWith("--target", urnOf("linkerd-identity-issuer")), ways.targeted);
    await unset("crossSignTrustAnchors");
    await unset("trustAnchorGenerations");
    await set("trustAnchorGenerations[0]", "2");
    assertRefused(await upWith("--ignore-protect"), ways.ignoredProtection);
    await set("trustAnchorGenerations[0]", "1");
    await set("trustAnchorGenerations[1]", "2");
    assert.equal(await bundle(), before);
    await upChangesNothing();
  });
});

test("once every pod has been restarted, it goes on to its end, and nobody notices", async () => {
  await restartWorkloads();
  await undisturbed(async () => {
    assert.match(await follow("finish"), /generation 2 signs alone, and generation 1 is still trusted/);
    await until("the rotation to end", 8 * 60_000, async () => {
      await follow("run");
      const plan = await rotate("plan", 0);
      return plan.stage === "idle" || JSON.stringify(plan.next.gates);
    });
    const plan = await rotate("plan", 0);
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
