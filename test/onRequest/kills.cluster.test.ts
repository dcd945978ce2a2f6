/**
 * `npm run test:kills`: a rotation ends the same, whatever is killed at each of its steps, and whoever types the same command
 * again. One rotation for each victim, under a load of proxies.
 *
 * VICTIM chooses one of them, by its name below; all by default.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { up as bringUp } from "../../sandbox/lifecycle.ts";
import { findMachine } from "../../sandbox/machine/machine.ts";
import { processIds, processStat, readProcess } from "../../sandbox/processes.ts";
import { until } from "../../sandbox/until.ts";
import { meanwhile, restartWorkloads, startMeshUnderLoad } from "../meshLoad.ts";
import { findKeys, type PrivateKey } from "../privateKeys.ts";
import {
  execute,
  kubectl,
  operation,
  pulumi,
  removeSandbox,
  sandboxName,
  upChangesNothing,
} from "../stack.ts";

const extras = ["kwok", "mesh-load"] as const;
const inLinkerd = "--namespace=linkerd";

/** Every private key that there has been, and what commands have said. */
const keys = new Map<string, PrivateKey>();
const said: string[] = [];
let namesBefore: string[];

before(async () => {
  // Proxies of pods that run can be asked: nothing has to end before an anchor leaves.
  await startMeshUnderLoad("60s", { simulated: 0, running: 4 });
  namesBefore = await credentialNames();
});
after(removeSandbox);

/** Processes that descend from one, itself included. */
function descendantsOf(ancestor: number): number[] {
  const parents = new Map(processIds().map((pid) => [pid, processStat(pid)?.parent]));
  const leads = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === ancestor || leads(parents.get(pid)));
  return [...parents.keys()].filter(leads);
}

/** Kills those of the processes whose command line matches; of which there must be one. */
function kill(ancestor: number, line: RegExp): void {
  const found = descendantsOf(ancestor).filter((pid) =>
    line.test(readProcess(pid, "cmdline").replaceAll("\0", " ")),
  );
  assert.ok(found.length > 0, `no process is ${line}`);
  for (const pid of found) process.kill(pid, "SIGKILL");
}

const machine = async () => (await findMachine(sandboxName))!.pid;

/** Who is killed, by the name of the victim. */
const victims: Readonly<Record<string, (killCommand: () => void) => void | Promise<void>>> = {
  command: (killCommand) => killCommand(),
  pulumi: () => kill(process.pid, /^pulumi up /),
  "cert-manager": async () => kill(await machine(), /^\/program\/cert-manager controller /),
  identity: async () => kill(await machine(), /^\/program\/linkerd-controller identity /),
  "API server": async () => kill(await machine(), /\/bin\/kube-apiserver /),
  machine: async () => void process.kill(await machine(), "SIGKILL"),
};

/** The commands of a rotation, each with what it leads to, and the line at which it is killed on its way. */
const steps = [
  { command: "begin", stage: "vouched", line: /Certificate linkerd-identity-issuer updating/ },
  { command: "finish", stage: "alone", line: /Certificate linkerd-identity-issuer updating/ },
  { command: "finish", stage: "idle", line: /Release linkerd-control-plane updating/ },
] as const;

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
  readonly pending: readonly string[];
  readonly next: { readonly gates: readonly unknown[] };
}

async function plan(): Promise<Plan> {
  const { code, stdout, stderr } = await operation("rotate", "plan", "--json");
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout);
}

/** Runs a command, on whose way a victim is killed when a line appears. */
async function killedAt(command: string, line: RegExp, victim: string): Promise<void> {
  let [text, killing] = ["", undefined as Promise<void> | undefined];
  await execute(process.execPath, ["operations/rotate/rotate.ts", command, "--yes"], (part, killCommand) => {
    text += part;
    if (killing === undefined && line.test(text)) killing = (async () => victims[victim]!(killCommand))();
  });
  said.push(text);
  assert.ok(killing !== undefined, `the line ${line} did not appear:\n${text}`);
  await killing;
  await bringUp(sandboxName, {}, console.log, extras);
  // A killed engine cannot take its lock back.
  await ensureStack(sandboxName, console.log);
}

/** Secrets, Issuers and Certificates, whatever their generation. */
async function credentialNames(): Promise<string[]> {
  const names = await kubectl("get", "secrets,issuers,certificates", inLinkerd, "--output=name");
  // Helm keeps a Secret for each of its revisions.
  const kept = names
    .trim()
    .split("\n")
    .filter((name) => !name.includes("/sh.helm.release"));
  return kept.map((name) => name.replace(/(linkerd-trust-anchor)-\d+/, "$1")).sort();
}

async function rememberKeys(): Promise<void> {
  const { items } = JSON.parse(await kubectl("get", "secrets", inLinkerd, "--output=json"));
  for (const { metadata, data } of items) {
    const pem = data?.["tls.key"] && Buffer.from(data["tls.key"], "base64").toString();
    if (pem) keys.set(pem, { name: metadata.name, pem });
  }
}

const chosen = process.env.VICTIM === undefined ? Object.keys(victims) : [process.env.VICTIM];
for (const [index, victim] of chosen.entries()) {
  for (const { command, stage, line } of steps) {
    test(`${victim} is killed on the way to ${stage}; the same command goes on`, async () => {
      if (stage === "alone") await restartWorkloads();
      if (command === "finish") {
        // Proxies renew at their own pace.
        await until("the gates to open", 5 * 60_000, async () => {
          const { next } = await plan();
          return (
            next.gates.every((gate) => (gate as { isOpen: boolean }).isOpen) || JSON.stringify(next.gates)
          );
        });
      }
      await killedAt(command, line, victim);
      await until(`the stage ${stage}`, 5 * 60_000, async () => {
        const seen = await plan();
        if (seen.stage === stage && seen.pending.length === 0) return true;
        const again = await operation("rotate", command, "--yes");
        said.push(again.stdout + again.stderr);
        return `${JSON.stringify(seen)}\n${again.stderr.slice(-2000)}`;
      });
      await upChangesNothing();
      await rememberKeys();
      const { handshakes, refused } = await meanwhile(() => pause(10_000));
      assert.deepEqual(refused, {});
      assert.ok(handshakes > 0);
    });
  }

  test(`${victim}: nothing is lost, and nothing is left over`, async () => {
    assert.deepEqual((await plan()).generations, [index + 2]);
    await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    assert.deepEqual(await credentialNames(), namesBefore);
  });
}

test("no key is given away by what was written meanwhile", async () => {
  const { logs, pulumiState } = sandboxPaths(sandboxName);
  const files = [logs, pulumiState].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")),
  );
  assert.ok(files.length > 0 && keys.size > chosen.length);
  const found = [...said, ...files].flatMap((text) => findKeys(text, [...keys.values()]));
  assert.deepEqual(found, []);
});
