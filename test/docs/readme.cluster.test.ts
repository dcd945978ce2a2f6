/** Follows the README: runs its commands, block by block, in one shell, on a sandbox of the test's own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readPage } from "../../docs/pages.ts";
import { reset } from "../../sandbox/lifecycle.ts";
import { type CommandResult, execute, kubectl, sandboxName } from "../stack.ts";

const environment = { ...process.env, SANDBOX: sandboxName };
const quiet = () => {};

before(() => reset(sandboxName, quiet));
after(() => reset(sandboxName, quiet));

/** Shell blocks, but those that need a cluster of the reader's own and the one that runs this very test. */
function commandBlocks(): string[] {
  const blocks = readPage("README.md").matchAll(/(<!-- needs a cluster of your own -->\n)?```sh\n(.*?)```/gs);
  return [...blocks]
    .filter(([, elsewhere]) => !elsewhere)
    .map(([, , text]) => text!.trim())
    .filter((text) => text !== "npm test");
}

const shell = (script: string): Promise<CommandResult> =>
  execute("bash", ["-c", `set -e -o pipefail\n${script}`], quiet, environment);

test("the README's commands work as they stand there", async (context) => {
  const blocks = commandBlocks();
  assert.equal(blocks[0], "npm start");
  for (const block of blocks) {
    await context.test(block.split("\n")[0]!, async () => {
      const { code, stdout, stderr } = await shell(block);
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
