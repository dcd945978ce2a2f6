import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";

const projectDirectory = resolve(import.meta.dirname, "..", "..");

/** Runs Node in the project's folder with the file loaded first, as Pulumi does. */
function nodeWith(...options: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const args = [...options, "--require", "./infra/prepare.cjs", "--print", "'started'"];
  return new Promise((done) =>
    execFile(process.execPath, args, { cwd: projectDirectory }, (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, stdout, stderr }),
    ),
  );
}

test("a Node that runs TypeScript starts", async () => {
  assert.deepEqual(await nodeWith(), { code: 0, stdout: "started\n", stderr: "" });
});

test("a Node that does not is refused in one line", async () => {
  const { code, stdout, stderr } = await nodeWith("--no-strip-types");
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    `Node.js ${process.versions.node} does not run TypeScript by itself: install Node.js 22.18 or newer, 24 for example.\n`,
  );
});
