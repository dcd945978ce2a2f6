/** The checks that read the sources: format and lint, types, unused code and dependencies. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const project = resolve(import.meta.dirname, "..");

for (const [title, command, ...args] of [
  ["format and lint", "biome", "ci", "--colors=off"],
  ["types", "tsc", "--noEmit"],
  ["no unused file, export or dependency", "knip"],
] as const) {
  test(title, async () => {
    const bin = join(project, "node_modules", ".bin");
    const environment = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
    const result = await promisify(execFile)(join(bin, command), args, {
      cwd: project,
      env: environment,
    }).catch((error: { stdout: string; stderr: string }) => error);
    assert.ok(!(result instanceof Error), `${result.stdout}${result.stderr}`);
  });
}

test("npm ci takes the lock file, every platform's packages included", async () => {
  // In a folder of its own: an installed node_modules hides what the lock file lacks.
  const folder = mkdtempSync(join(tmpdir(), "lock-"));
  try {
    for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
      copyFileSync(join(project, file), join(folder, file));
    }
    await promisify(execFile)("npm", ["ci", "--dry-run"], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
