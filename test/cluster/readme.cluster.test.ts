/** Follows the README: runs its commands, block by block, in one shell, on a sandbox of the test's own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reset } from "../../sandbox/lifecycle.ts";
import { readReadme } from "../configurationTable.ts";
import { type CommandResult, execute, sandboxName } from "./sandbox.ts";

const environment = { ...process.env, SANDBOX: sandboxName };
const quiet = () => {};

before(() => reset(sandboxName, quiet));
after(() => reset(sandboxName, quiet));

/** Shell blocks, but those that need a cluster of the reader's own and the one that runs this very test. */
function commandBlocks(): string[] {
  const blocks = readReadme().matchAll(/(<!-- needs a cluster of your own -->\n)?```sh\n(.*?)```/gs);
  return [...blocks]
    .filter(([, elsewhere]) => !elsewhere)
    .map(([, , text]) => text!.trim())
    .filter((text) => text !== "npm test");
}

const shell = (script: string): Promise<CommandResult> =>
  execute(environment, "bash", ["-c", `set -e -o pipefail\n${script}`]);

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
  // The sandbox was stopped by the README's last command; this start finds its data.
  await shell("npm start");
  const { code, stdout } = await shell("npm start");
  assert.equal(code, 0, stdout);
  assert.match(stdout, /Resources:\s+\d+ unchanged/);
  assert.equal((await shell("npm stop")).code, 0);
});
