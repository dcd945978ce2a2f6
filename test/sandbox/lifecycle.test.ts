import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { down, reset } from "../../sandbox/lifecycle.ts";

const [name, other] = ["plugins-left", "plugins-left-2"];
after(async () => {
  for (const one of [name, other]) await reset(one, () => {});
});

/** A process that runs from a sandbox's folder of Pulumi's plugins. */
async function startPlugin(sandbox: string) {
  const folder = join(sandboxPaths(sandbox).pulumiHome, "plugins");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "resource");
  copyFileSync("/bin/sleep", program);
  const plugin = spawn(program, ["60"]);
  await once(plugin, "spawn");
  return plugin;
}

test("what a killed Pulumi has left of a sandbox goes down with it, and with no other", async () => {
  const [own, others] = [await startPlugin(name), await startPlugin(other)];
  const ended = once(own, "exit");
  await down(name, () => {});
  assert.deepEqual(await ended, [null, "SIGTERM"]);
  assert.equal(others.exitCode ?? others.signalCode, null);
});
