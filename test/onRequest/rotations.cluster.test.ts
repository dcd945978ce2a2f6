/**
 * `npm run test:rotation`: several rotations in a row under the load of two hundred proxies, each begun by a command that is
 * killed on its way; then the same under the same load by hand, in the seven steps that Linkerd documents, and in one.
 *
 * How many rotations there are, ROTATIONS says: three by default. With RECORD=1, what is measured is kept for
 * docs/rotation-proof.md.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
  type MeasuredRotations,
  rotationSteps,
  type RotationStep as Step,
} from "../../docs/rotationProofPage.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import {
  allAccept,
  loadNamespace,
  loadStatus,
  meanwhile,
  restartWorkloads,
  startMeshUnderLoad,
} from "../meshLoad.ts";
import {
  execute,
  kubectl,
  operation,
  pulumi,
  removeSandbox,
  sandboxName,
  upChangesNothing,
} from "../stack.ts";
import {
  makeRoot,
  readBundle,
  restartControlPlane,
  setBundle,
  setIssuer,
  swapAnchor,
  takeOver,
} from "./anchorByHand.ts";

const rotations = Number(process.env.ROTATIONS ?? 3);
const simulated = 190;
const running = 10;

// One identity controller issues five leaves a second: two hundred are renewed within 40 s.
before(() => startMeshUnderLoad("120s", { simulated, running }));
after(removeSandbox);

/** Lines at which `rotate begin` is killed, one in each rotation, in the order in which they come. */
const points = [
  /To add the next generation/,
  /PrivateKey linkerd-trust-anchor-\d+-key created/,
  /LocallySignedCert linkerd-trust-anchor-\d+-cross creating/,
  /Issuer linkerd-trust-anchor-\d+-cross-signed creating/,
  /Certificate linkerd-identity-issuer updating/,
  /Release linkerd-control-plane updating/,
  /waiting: /,
];

/** Begins a rotation that is killed as soon as a line appears; the same command then goes on. */
async function beginKilledAt(line: RegExp): Promise<void> {
  let seen = "";
  let killed = false;
  const args = ["operations/rotate/rotate.ts", "begin", "--yes"];
  await execute(process.execPath, args, (text, kill) => {
    seen += text;
    if (killed || !line.test(seen)) return;
    killed = true;
    kill();
  });
  assert.ok(
    killed || seen.includes("every identity controller"),
    `the line ${line} did not appear:\n${seen}`,
  );
  // A killed engine cannot take its lock back.
  await ensureStack(sandboxName, console.log);
}

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
  readonly pending: readonly string[];
  readonly next: { readonly gates: readonly { readonly isOpen: boolean; readonly seen: string }[] };
}

/** A command that is told no more than to go as far as it may. */
async function rotate(command: "plan" | "run"): Promise<Plan> {
  const { code, stdout, stderr } = await operation("rotate", command, "--json");
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout) as Plan;
}

const steps: Step[] = [];

/** Measures what becomes of the load while something is done. */
async function measured(
  way: string,
  step: string,
  work: () => Promise<void>,
): Promise<Step & { told: string }> {
  const begun = performance.now();
  const [podsBefore, rollsBefore] = [await pods(), await rolls()];
  const { handshakes, refused, unreachable, renewals, last } = await meanwhile(work);
  const podsAfter = await pods();
  const measures = {
    way,
    step,
    seconds: Math.round((performance.now() - begun) / 1000),
    connections: handshakes,
    refused,
    unreachable,
    renewals,
    replaced: podsAfter.filter((pod) => !podsBefore.includes(pod)).length,
    rolls: (await rolls()) - rollsBefore,
  };
  // Before anything is demanded of it: what fails is shown as well.
  steps.push(measures);
  console.log(JSON.stringify(measures));
  if (process.env.RECORD === "1") record();
  return { ...measures, told: `${step}: ${JSON.stringify({ ...measures, last: last.slice(-5) })}` };
}

/** Pods of the load, by their uids. */
const pods = async () =>
  (
    await kubectl(
      "get",
      "pods",
      `--namespace=${loadNamespace}`,
      "--selector=mesh-load=true",
      "--output=jsonpath={.items[*].metadata.uid}",
    )
  ).split(" ");

/** How often identity has been rolled out. */
const rolls = async () =>
  Number(
    await kubectl(
      "get",
      "deployment",
      "--namespace=linkerd",
      "linkerd-identity",
      "--output=jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}",
    ),
  );

function record(): void {
  const processor = cpus();
  const report: MeasuredRotations = {
    proxies: { simulated, running },
    leafSeconds: 120,
    rotations,
    steps,
    machine: `${processor.length} × ${processor[0]!.model}`,
    load: Math.round(loadavg()[2]!),
    day: new Date().toISOString().slice(0, 10),
  };
  const file = resolve(import.meta.dirname, "rotations.measured.json");
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

/** Nothing is refused while it is done, no renewal of a leaf fails, and no pod of the load is replaced. */
async function undisturbed(way: string, step: string, work: () => Promise<void>): Promise<void> {
  const { refused, renewals, replaced, connections, told } = await measured(way, step, work);
  assert.deepEqual(
    { refused, failed: renewals.failed, replaced },
    { refused: {}, failed: 0, replaced: 0 },
    told,
  );
  assert.ok(connections > 0, told);
}

for (let number = 1; number <= rotations; number++) {
  const line = points[(number - 1) % points.length]!;
  test(`rotation ${number} of ${rotations}, killed at ${line.source}`, async () => {
    const way = `Rotation ${number}`;
    const rollsBefore = await rolls();
    await undisturbed(way, "begin, killed once", async () => {
      await beginKilledAt(line);
      await until("the rotation to have begun", 5 * 60_000, async () => {
        const { stage, generations, pending } = await rotate("plan");
        if (stage === "vouched" && generations.length === 2 && pending.length === 0) return true;
        const { stderr } = await operation("rotate", "begin", "--yes");
        return `${stage} [${generations}] ${stderr.slice(-500)}`;
      });
    });
    // In the world, they take their time.
    const { refused, told } = await measured(way, "every pod restarts as it would anyway", restartWorkloads);
    assert.deepEqual(refused, {}, told);
    await undisturbed(way, "finish, both halves", async () => {
      await until("the rotation to end", 15 * 60_000, async () => {
        const { stage, next } = await rotate("run");
        if (stage === "idle") return true;
        // Asked without a pause, it would take a processor from the proxies that it waits for.
        await pause(5000);
        return JSON.stringify(next.gates);
      });
      await upChangesNothing();
    });
    const outputs = JSON.parse(await pulumi("stack", "output", "--json"));
    assert.deepEqual(
      outputs.trustAnchors.map(({ generation }: { generation: number }) => generation),
      [number + 1],
    );
    assert.ok((await rolls()) - rollsBefore <= 2, `${(await rolls()) - rollsBefore} rolls`);
  });
}

test("in the seven steps that Linkerd documents, every pod is restarted three times", async () => {
  const way = "By hand, in Linkerd's seven steps";
  const old = await readBundle();
  const next = await makeRoot("the next root");
  await takeOver();
  const all = [
    await measured(way, "1. add the new anchor", () => setBundle(old, next.pem)),
    await measured(way, "2. restart the control plane", restartControlPlane),
    await measured(way, "3. restart every pod", restartWorkloads),
    await measured(way, "4. replace the issuer", () => setIssuer(next)),
    await measured(way, "5. restart the control plane and every pod", async () => {
      await restartControlPlane();
      await restartWorkloads();
    }),
    await measured(way, "6. take out the old anchor", () => setBundle(next.pem)),
    await measured(way, "7. restart the control plane and every pod", async () => {
      await restartControlPlane();
      await restartWorkloads();
    }),
  ];
  const replaced = all.reduce((sum, step) => sum + step.replaced, 0);
  assert.equal(replaced, 3 * (simulated + running));
  await allAccept(simulated);
});

test("a naive swap cuts off whoever was not restarted, until each is", async () => {
  const way = "By hand, in one step";
  const swap = await measured(way, "replace anchor and issuer, and restart the control plane", swapAnchor);
  assert.equal(swap.replaced, 0);
  const apart = await measured(way, "a twentieth of the pods restart", async () => {
    const some = Array.from({ length: simulated / 20 }, (_, index) => `simulated-${index}`);
    await restartWorkloads(...some);
    await pause(10_000);
  });
  assert.ok(apart.refused.UnknownIssuer! > 0, apart.told);
  const end = await measured(way, "until the certificate of every other has ended", () =>
    until("certificates to end", 300_000, async () => {
      const { ended } = await loadStatus();
      return ended >= simulated - simulated / 20 || `${ended} have ended`;
    }),
  );
  assert.ok(end.renewals.failed > 0, end.told);
  const repair = await measured(way, "every pod restarts", async () => {
    await restartWorkloads();
    await allAccept(simulated);
  });
  assert.equal(repair.replaced, simulated + running);
});

test("what was measured, as a table", () => {
  assert.ok(steps.length > 0);
  console.log(rotationSteps(steps));
});
