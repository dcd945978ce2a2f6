/**
 * `npm run test:rotation`: several rotations in a row under the load of two hundred proxies, each begun by a command that is
 * killed on its way. That the load can be refused, test/onRequest/proxy.cluster.test.ts shows.
 *
 * How many rotations there are, ROTATIONS says: three by default.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import { meanwhile, restartWorkloads, startLoad } from "../meshLoad.ts";
import {
  execute,
  operation,
  pulumi,
  removeSandbox,
  sandboxName,
  set,
  startSandbox,
  up,
  upChangesNothing,
} from "../stack.ts";

const rotations = Number(process.env.ROTATIONS ?? 3);
const simulated = 190;
const running = 10;

before(async () => {
  await startSandbox("kwok", "mesh-load");
  // One identity controller issues five leaves a second: two hundred are renewed within 40 s.
  await set("issuanceLifetime", "120s");
  await set("clockSkewAllowance", "10s");
  await up();
  await startLoad({ simulated, running });
});
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
  readonly next: { readonly gates: readonly { readonly isOpen: boolean; readonly seen: string }[] };
}

async function run(): Promise<Plan> {
  const { code, stdout, stderr } = await operation("rotate", "run", "--json");
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout) as Plan;
}

/** Nothing is refused while it is done, and no renewal of a leaf fails. */
async function undisturbed(what: string, work: () => Promise<void>): Promise<void> {
  const begun = performance.now();
  const { handshakes, refused, renewals, last } = await meanwhile(work);
  assert.deepEqual(refused, {}, `${what}: ${JSON.stringify(last.slice(-5))}`);
  assert.equal(renewals.failed, 0, what);
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`${what}: ${seconds} s, ${handshakes} connections and ${renewals.ok} renewals, none refused.`);
}

test("a rotation can be taken back at any time", async () => {
  await undisturbed("a rotation that is taken back", async () => {
    assert.equal((await operation("rotate", "begin", "--yes")).code, 0);
    // Proxies of simulated pods cannot be asked; what was issued before has to end.
    await until("the rotation to be taken back", 10 * 60_000, async () => {
      const { code, stdout, stderr } = await operation("rotate", "abort", "--json", "--yes");
      assert.ok(code === 0 || code === 1, stdout + stderr);
      return code === 0 || stdout;
    });
    const { stage, generations } = await run();
    assert.deepEqual({ stage, generations }, { stage: "idle", generations: [1] });
    await upChangesNothing();
  });
});

for (let number = 1; number <= rotations; number++) {
  const line = points[(number - 1) % points.length]!;
  test(`rotation ${number} of ${rotations}, killed at ${line.source}`, async () => {
    await undisturbed(`rotation ${number} begins`, async () => {
      await beginKilledAt(line);
      await until("the rotation to have begun", 5 * 60_000, async () => {
        const { stage, generations } = await run();
        return (stage === "vouched" && generations.length === 2) || `${stage} [${generations}]`;
      });
    });
    await restartWorkloads();
    await undisturbed(`rotation ${number} ends`, async () => {
      await until("the rotation to end", 15 * 60_000, async () => {
        const { stage, next } = await run();
        return stage === "idle" || JSON.stringify(next.gates);
      });
      await upChangesNothing();
    });
    const outputs = JSON.parse(await pulumi("stack", "output", "--json"));
    assert.deepEqual(
      outputs.trustAnchors.map(({ generation }: { generation: number }) => generation),
      [number + 1],
    );
  });
}
