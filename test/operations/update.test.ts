import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { forgetPendingCreates, runUpdate } from "../../operations/update.ts";

const folder = mkdtempSync(join(tmpdir(), "pulumi-"));
after(() => rmSync(folder, { recursive: true }));
process.env.PATH = `${folder}${delimiter}${process.env.PATH}`;

/** Has `pulumi` say something, and end with that exit code. */
function pulumiSays(text: string, code: number): void {
  const program = join(folder, "pulumi");
  writeFileSync(program, `#!/bin/sh\necho "$@" > "$0.args"\ncat >&2 <<'end'\n${text}\nend\nexit ${code}\n`);
  chmodSync(program, 0o755);
}

test("whoever comes second is told that the stack is being updated, whatever keeps its state", async () => {
  for (const text of [
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n  file:///state/locks/1.json: created by anna@host (pid 4711) at 2026-11-27T07:09:23Z",
    "error: [409] Conflict: Another update is currently in progress.",
  ]) {
    pulumiSays(text, 255);
    await assert.rejects(
      runUpdate("dev"),
      /^Error: Someone else is updating stack dev now .*: pulumi cancel/,
    );
  }
});

test("another failure is told as such, and an update that is through is not", async () => {
  pulumiSays("error: update failed", 255);
  await assert.rejects(runUpdate("dev"), /^Error: pulumi up has failed \(exit code 255\)/);
  pulumiSays("", 0);
  await runUpdate("dev");
});

test("what a killed Pulumi was creating is forgotten by a refresh, which says so if it fails", async () => {
  pulumiSays("", 0);
  await forgetPendingCreates("dev");
  assert.equal(
    readFileSync(join(folder, "pulumi.args"), "utf8"),
    "refresh --yes --clear-pending-creates --skip-preview --stack dev\n",
  );
  pulumiSays("error: no such stack", 255);
  await assert.rejects(forgetPendingCreates("dev"), /^Error: pulumi refresh has failed \(exit code 255\)/);
});
