/**
 * `npm run test:rotation-gates`: what docs/rotation-gates.md says of real commands, tried on a mesh under load in the middle
 * of a rotation, while most pods hold the old root alone.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Refusal, refusals, says } from "../../docs/rotationRefusals.ts";
import { restartWorkloads, startMeshUnderLoad, undisturbed } from "../meshLoad.ts";
import {
  execute,
  kubectl,
  operation,
  pulumi,
  refused,
  removeSandbox,
  set,
  unset,
  upChangesNothing,
} from "../stack.ts";

const simulated = 30;
const running = 3;

before(() => startMeshUnderLoad("60s", { simulated, running }));
after(removeSandbox);

/** What docs/rotation-gates.md says that these commands are told. */
const ways = refusals.cluster;

function assertRefused(
  { code, stdout, stderr }: { code: number | null; stdout: string; stderr: string },
  refusal: Refusal,
): void {
  assert.notEqual(code, 0, stdout);
  assert.ok(says(stdout + stderr, refusal), `${refusal.words}\n${stdout}${stderr}`);
}

test("a rotation does not begin without being told to", async () => {
  assertRefused(await operation("rotate", "begin"), ways.noTerminal);
  const { code, stdout, stderr } = await operation("rotate", "plan", "--json");
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout).stage, "idle");
});

test("once it has begun, the settings do not get past its gates, with a preview or without", async () => {
  const { code, stdout, stderr } = await operation("rotate", "begin", "--yes");
  assert.equal(code, 0, stdout + stderr);
  await restartWorkloads("simulated-0", "running-0");
  await undisturbed(async () => {
    await set("crossSignTrustAnchors", "false");
    const refusedBy = new RegExp(
      `signingGeneration: .*${simulated + running - 2} pods would refuse all that it signs`,
    );
    for (const command of ["preview", "up"] as const) {
      assert.match(await refused(command), refusedBy);
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
