/** What goes wrong on the way of a rotation: edits by hand that would break the mesh, two operators at once, a stolen key. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import {
  loadNamespace,
  meanwhile,
  podOf,
  pretendToHold,
  restartWorkloads,
  startMeshUnderLoad,
} from "../meshLoad.ts";
import {
  check,
  execute,
  kubectl,
  operation,
  pulumi,
  removeSandbox,
  sandboxName,
  set,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

const inLoad = `--namespace=${loadNamespace}`;

before(async () => {
  await startMeshUnderLoad("60s", { simulated: 4, running: 2 });
  await set("protectTrustAnchors", "false");
});
after(removeSandbox);

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
}

/** Runs a command of the rotation, which must end with that exit code. */
async function rotate(command: string, expected: number, ...options: string[]) {
  const result = await operation("rotate", command, "--json", ...options);
  assert.equal(result.code, expected, result.stdout + result.stderr);
  return result;
}

const plan = async () => JSON.parse((await rotate("plan", 0)).stdout) as Plan;

/** As usual, and with all that Pulumi has to get past a refusal. */
async function refusedInEachWay(expected: RegExp): Promise<void> {
  for (const options of [[], ["--skip-preview", "--ignore-protect"]]) {
    const { code, stdout, stderr } = await execute("pulumi", ["up", "--yes", ...options]);
    assert.notEqual(code, 0, stdout);
    assert.match(stdout + stderr, expected, options.join(" "));
  }
}

const anchorsInBundle = async () =>
  (
    await kubectl(
      "get",
      "configmap/linkerd-identity-trust-roots",
      "--namespace=linkerd",
      "--output=jsonpath={.data}",
    )
  ).split("BEGIN CERTIFICATE").length - 1;

test("two new generations at once are refused", async () => {
  await set("trustAnchorGenerations[0]", "1");
  await set("trustAnchorGenerations[1]", "2");
  await set("trustAnchorGenerations[2]", "3");
  await refusedInEachWay(/would add generations 2 and 3 to the bundle/);
  assert.ok((await check()).findings.some(({ rule }) => rule === "one-new-generation"));
  await unset("trustAnchorGenerations[2]");
  assert.equal(await anchorsInBundle(), 1);
});

test("an anchor that certificates still lead to does not leave, whoever edits the file", async () => {
  await up();
  const holder = await podOf("running-0");
  await restartWorkloads("running-1", ...[0, 1, 2, 3].map((number) => `simulated-${number}`));
  // The pod that was not restarted says of itself what others hold.
  await pretendToHold(holder, "running-1");

  await unset("trustAnchorGenerations");
  await set("trustAnchorGenerations[0]", "2");
  await set("signingGeneration", "2");
  const { stdout } = await execute("pulumi", ["preview"]);
  assert.match(stdout, /Only pulumi up asks every proxy/);
  await refusedInEachWay(/anchor-needed|Every proxy's certificate leads to generation 2\. Seen: /);
  assert.equal(await anchorsInBundle(), 2);
});

test("the second of two operators is told that the stack is being updated", async () => {
  await unset("trustAnchorGenerations");
  await set("trustAnchorGenerations[0]", "1");
  await set("trustAnchorGenerations[1]", "2");
  await unset("signingGeneration");
  // The first is killed, and so its lock lasts until the second has come.
  const args = ["operations/rotate/rotate.ts", "activate", "--yes"];
  const { code } = await execute(process.execPath, args, (text, kill) => {
    if (/^Updating \(/m.test(text)) kill();
  });
  assert.notEqual(code, 0);
  const second = await operation("rotate", "run");
  assert.equal(second.code, 2, second.stderr);
  assert.match(second.stderr, /Someone else is updating stack \S+ now .* nothing has been applied here/);
  await ensureStack(sandboxName, console.log);
  // The same command goes on.
  await rotate("activate", 0, "--yes");
  assert.equal((await plan()).stage, "vouched");
});

test("before a key is distrusted, it is said how long it takes and what breaks", async () => {
  const { code, stderr } = await operation("rotate", "begin", "--distrust");
  assert.equal(code, 2);
  assert.match(stderr, /generation 1 leaves the bundle at once/);
  assert.match(stderr, /6 pods of 6 workloads restart, about 2 min 0 s/);
  assert.match(stderr, /There is no terminal to ask on/);
  assert.equal((await plan()).stage, "vouched");
});

test("what is distrusted is gone when the last pod has restarted, though the command is killed", async () => {
  const selector = "--selector=app=running-0";
  await kubectl("create", "poddisruptionbudget", "whole", inLoad, selector, "--min-available=1");
  let said = "";
  const args = ["operations/rotate/rotate.ts", "begin", "--distrust", "--yes"];
  const { code } = await execute(process.execPath, args, (text, kill) => {
    said += text;
    if (/waits for PodDisruptionBudget mesh-load\/whole/.test(said)) kill();
  });
  assert.notEqual(code, 0, said);
  assert.match(said, /waits for PodDisruptionBudget mesh-load\/whole/);
  assert.equal(await anchorsInBundle(), 1);
  assert.equal((await plan()).stage, "distrusted");

  await kubectl("delete", "poddisruptionbudget/whole", inLoad);
  await ensureStack(sandboxName, console.log);
  // Pods that were replaced may take a while to end.
  await until("the rotation to end", 5 * 60_000, async () => {
    const { stage, generations } = JSON.parse((await rotate("run", 0)).stdout) as Plan;
    return (stage === "idle" && generations.join() === "2") || `${stage} [${generations}]`;
  });
  await upChangesNothing();
  const secrets = await kubectl("get", "secrets", "--namespace=linkerd", "--output=name");
  assert.deepEqual(
    secrets.split("\n").filter((name) => /trust-anchor/.test(name)),
    ["secret/linkerd-trust-anchor-2"],
  );
  const config = await pulumi("config");
  assert.match(config, /distrustedTrustAnchors +\[\]/);
  const { refused: refusals } = await meanwhile(() => new Promise((next) => setTimeout(next, 10_000)));
  assert.deepEqual(refusals, {});
});
