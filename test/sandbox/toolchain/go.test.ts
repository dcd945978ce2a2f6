/**
 * Our own Go modules. Their tests are compiled with the toolchain, so that running them needs no module and no compiler.
 *
 * Those of `cluster/certmanager` are left out: they read upstream's chart templates in the module cache, which is removed
 * once the toolchain is complete.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { goDirectory } from "../../../sandbox/directories.ts";
import { findInstalled } from "../../../sandbox/toolchain/installed.ts";
import { ensureToolchain, type Toolchain } from "../../../sandbox/toolchain/toolchain.ts";
import { testedFolders } from "../../../sandbox/toolchain/tools.ts";

const run = promisify(execFile);
let toolchain: Toolchain;

before(async () => {
  toolchain = await ensureToolchain(console.log, ["go-tests"]);
});

test("format", async () => {
  const { stdout: root } = await run(findInstalled("go")!, ["env", "GOROOT"]);
  const { stdout } = await run(join(root.trim(), "bin", "gofmt"), ["-l", goDirectory]);
  assert.equal(stdout, "");
});

for (const folder of testedFolders) {
  test(`${folder}: its Go tests pass`, async () => {
    await run(toolchain.programs[`${basename(folder)}.test`]!, ["-test.timeout=5m"], { cwd: tmpdir() }).catch(
      ({ stdout, stderr, message }) => assert.fail(`${message}\n${stdout}${stderr}`),
    );
  });
}
