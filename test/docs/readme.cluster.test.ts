/** Follows the README: runs its commands, block by block, in one shell, on a sandbox of the test's own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reset } from "../../sandbox/lifecycle.ts";
import { type CommandResult, execute, sandboxName } from "../stack.ts";
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
