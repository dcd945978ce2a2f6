/** `npm run test:environments`: three stacks of one backend, each with a cluster of its own, installed and changed. */
import assert from "node:assert/strict";
import { delimiter } from "node:path";
import { after, before, test } from "node:test";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { up as bringUp, reset } from "../../sandbox/lifecycle.ts";
import {
  environment,
  execute,
  kubectl,
  pulumi,
  removeSandbox,
  run,
  sandboxName,
  startSandbox,
  up,
} from "../stack.ts";

/** The sandbox whose cluster each stack has. */
const sandboxes = { dev: sandboxName, staging: `${sandboxName}-staging`, prod: `${sandboxName}-prod` };
const stacks = Object.keys(sandboxes) as (keyof typeof sandboxes)[];
const others = [sandboxes.staging, sandboxes.prod];
const contextOf = (stack: keyof typeof sandboxes) => `linkerd-sandbox-${sandboxes[stack]}`;

before(async () => {
  await startSandbox();
  for (const sandbox of others) {
    await reset(sandbox, console.log);
    await bringUp(sandbox, {}, console.log);
  }
  environment.KUBECONFIG = Object.values(sandboxes)
    .map((sandbox) => sandboxPaths(sandbox).kubeconfig)
    .join(delimiter);
});
after(async () => {
  for (const sandbox of others) await reset(sandbox, console.log);
  await removeSandbox();
});

const unchanged = (stack: string) => pulumi("preview", "--stack", stack, "--expect-no-changes");

test("each is installed on its own cluster", async () => {
  await pulumi("config", "set", "--stack", "dev", "kubeContext", contextOf("dev"));
  for (const stack of ["staging", "prod"] as const) {
    await run(process.execPath, "operations/newStack/newStack.ts", stack, "--context", contextOf(stack));
    await pulumi("stack", "init", stack);
    // A sandbox has one node.
    await pulumi("config", "set", "--stack", stack, "highAvailability", "false");
  }
  await Promise.all(stacks.map((stack) => up("--stack", stack)));
});

test("each has an anchor of its own, and the lifetimes of its file", async () => {
  const anchors = await Promise.all(
    stacks.map((stack) => pulumi("stack", "output", "--stack", stack, "trustBundlePem")),
  );
  assert.equal(new Set(anchors).size, stacks.length);
  for (const [stack, expected] of Object.entries({ dev: "48h", staging: "12h", prod: "48h" })) {
    const certificate = ["get", "certificate/linkerd-identity-issuer", "--namespace=linkerd"];
    const context = `--context=${contextOf(stack as keyof typeof sandboxes)}`;
    assert.equal(
      await kubectl(...certificate, context, "--output=jsonpath={.spec.duration}"),
      expected,
      stack,
    );
  }
});

test("a change of one is no change of the others", async () => {
  await pulumi("config", "set", "--stack", "staging", "issuerDuration", "13h");
  const { code, stdout } = await execute("pulumi", ["preview", "--stack", "staging", "--expect-no-changes"]);
  assert.notEqual(code, 0, stdout);
  assert.match(stdout, /~ 1 to update/);
  await Promise.all([unchanged("dev"), unchanged("prod")]);
  await up("--stack", "staging");
  await unchanged("staging");
});
