/** Follows the README: runs its commands, block by block, in one shell, on a sandbox of the test's own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reset } from "../../sandbox/lifecycle.ts";
import { type CommandResult, execute, kubectl, sandboxName } from "../stack.ts";
import { commandBlocks } from "./commandBlocks.ts";

const environment = { ...process.env, SANDBOX: sandboxName };
const quiet = () => {};

before(() => reset(sandboxName, quiet));
after(() => reset(sandboxName, quiet));

/** What stands there without a remark, but the one that runs this very test. */
const scripts = commandBlocks("README.md")
  .filter(({ remark, script }) => remark === undefined && script !== "npm test")
  .map(({ script }) => script);

const shell = (script: string): Promise<CommandResult> =>
  execute("bash", ["-c", `set -e -o pipefail\n${script}`], quiet, environment);

test("the README's commands work as they stand there", async (context) => {
  assert.deepEqual([scripts[0], scripts.at(-1)], ["npm start", "npm stop"]);
  for (const script of scripts) {
    await context.test(script.split("\n")[0]!, async () => {
      const { code, stdout, stderr } = await shell(script);
      assert.equal(code, 0, `${stdout}${stderr}`);
    });
  }
});

test("started again, it reports no changes", async () => {
  // The sandbox was stopped by the README's last command; the first start finds its data.
  for (const start of ["after a stop", "beside a running sandbox"]) {
    const { code, stdout, stderr } = await shell("npm start");
    assert.equal(code, 0, `${start}: ${stdout}${stderr}`);
    assert.match(stdout, /Resources:\s+\d+ unchanged/);
  }
});

test("given a bundle that Linkerd cannot parse, npm start fails, and says which container and why", async () => {
  const patch = JSON.stringify({ data: { "ca-bundle.crt": "not a certificate\n" } });
  await kubectl("patch", "-n=linkerd", "configmap", "linkerd-identity-trust-roots", "--patch", patch);
  await kubectl("delete", "-n=linkerd", "pod", "--selector=linkerd.io/control-plane-component=identity");
  const { code, stdout, stderr } = await shell("npm start");
  assert.equal(code, 1, stdout);
  assert.match(stdout, /Container identity of pod linkerd\/linkerd-identity-\S+ is in CrashLoopBackOff/);
  assert.match(stdout, /not a PEM certificate|failed to (read|load).*trust/i);
  assert.match(stderr, /npm start: .*linkerd-identity-/);
  assert.equal((await shell("npm stop")).code, 0);
});
