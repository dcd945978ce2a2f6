/** The checks that read the sources: format and lint, types, unused code and dependencies. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
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
