/**
 * `npm run test:rotation-changes`: a rotation is taken back; what else happens to a mesh goes on in the middle of one, and
 * disturbs nobody; and the staged rotation, where generations do not vouch for each other.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { askToIssue } from "../../mesh/certManager.ts";
import { until } from "../../sandbox/until.ts";
import { meanwhile, restartWorkloads, startMeshUnderLoad } from "../meshLoad.ts";
import {
  connectTo,
  kubectl,
  operation,
  removeSandbox,
  renew,
  set,
  soundCredentials,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";

const webhook = "linkerd-proxy-injector";

// Proxies of pods that run can be asked: nothing has to end before an anchor leaves.
before(() => startMeshUnderLoad("60s", { simulated: 0, running: 4 }));
after(removeSandbox);

interface Plan {
  readonly stage: string;
  readonly generations: readonly number[];
  readonly signingGeneration: number;
  readonly next: { readonly gates: readonly { readonly isOpen: boolean; readonly demand: string }[] };
}

/** Runs a command of the rotation, and gives where it stands then. */
async function rotate(command: string, expected = 0): Promise<Plan> {
  const confirmed = command === "plan" ? [] : ["--yes"];
  const { code, stdout, stderr } = await operation("rotate", command, "--json", ...confirmed);
  assert.equal(code, expected, stdout + stderr);
  return JSON.parse(stdout);
}

/** Nothing is refused while it is done. */
async function undisturbed(work: () => Promise<void>): Promise<void> {
  const { handshakes, refused, last } = await meanwhile(work);
  assert.deepEqual(refused, {}, JSON.stringify(last.slice(-5)));
  assert.ok(handshakes > 0);
}

const storedOf = (secret: string) =>
  kubectl("get", "secret", "--namespace=linkerd", secret, "--output=jsonpath={.data.tls\\.crt}");

/** Whatever else happens to a mesh, by its name. */
const changes: Readonly<Record<string, () => Promise<void>>> = {
  "a renewal of the issuer": async () => void (await renew()),
  "a renewal of a webhook's credentials": async () => {
    const stored = () => storedOf(`${webhook}-k8s-tls`);
    const old = await stored();
    await askToIssue(connectTo("linkerd"), webhook);
    await until("a new certificate of the webhook", 60_000, async () => (await stored()) !== old);
  },
  "a change of the control plane's chart": async () => {
    const [replicas, value] = ["controllerReplicas", "2"];
    await set(`linkerdControlPlaneValues.${replicas}`, value);
    await up();
    await unset(`linkerdControlPlaneValues.${replicas}`);
    await up();
  },
};

/** Each change, in the stage that the rotation is in. */
async function changeAll(stage: string): Promise<void> {
  for (const [name, change] of Object.entries(changes)) {
    await undisturbed(change);
    assert.equal((await rotate("plan")).stage, stage, name);
    await upChangesNothing();
    await soundCredentials();
  }
}

/** Waits until nothing stands against the next step: proxies renew at their own pace. */
const gatesOpen = () =>
  until("the gates to open", 8 * 60_000, async () => {
    const { gates } = (await rotate("plan")).next;
    return gates.every(({ isOpen }) => isOpen) || JSON.stringify(gates);
  });

test("a rotation is taken back", async () => {
  await undisturbed(async () => {
    assert.equal((await rotate("begin")).stage, "vouched");
    await until("the rotation to be taken back", 8 * 60_000, async () => {
      const { code, stdout, stderr } = await operation("rotate", "abort", "--json", "--yes");
      assert.ok(code === 0 || code === 1, stdout + stderr);
      return code === 0 || stdout;
    });
    const { stage, generations } = await rotate("plan");
    assert.deepEqual({ stage, generations }, { stage: "idle", generations: [1] });
    await upChangesNothing();
  });
});

test("a renewal, a webhook's and a change of the chart, while the older generation vouches", async () => {
  await undisturbed(async () => assert.equal((await rotate("begin")).stage, "vouched"));
  await changeAll("vouched");
});

test("the same while the new generation signs alone; then the rotation ends", async () => {
  await restartWorkloads();
  await undisturbed(async () => assert.equal((await rotate("finish")).stage, "alone"));
  await changeAll("alone");
  await gatesOpen();
  await undisturbed(async () => assert.deepEqual((await rotate("finish")).generations, [2]));
  await upChangesNothing();
});

test("without a cross certificate it is staged: distribute, restart, activate, drain, retire", async () => {
  await set("crossSignTrustAnchors", "false");
  await undisturbed(async () => {
    const { stage, generations, signingGeneration } = await rotate("begin");
    const expected = { stage: "distributed", generations: [2, 3], signingGeneration: 2 };
    assert.deepEqual({ stage, generations, signingGeneration }, expected);
  });
  await undisturbed(async () => {
    const { stage, next } = await rotate("activate", 1);
    assert.equal(stage, "distributed");
    const shut = next.gates.filter(({ isOpen }) => !isOpen).map(({ demand }) => demand);
    assert.deepEqual(shut, ["Every pod of the mesh was started with generation 3."]);
  });
  await restartWorkloads();
  await undisturbed(async () => assert.equal((await rotate("activate")).stage, "alone"));
  await gatesOpen();
  await undisturbed(async () => {
    const { stage, generations } = await rotate("finish");
    assert.deepEqual({ stage, generations }, { stage: "idle", generations: [3] });
    await upChangesNothing();
  });
});
