/** How a build's progress is shown, without a terminal and on one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Artefact } from "../../../sandbox/toolchain/artefacts.ts";
import { followBuild } from "../../../sandbox/toolchain/progress.ts";

const artefact = (name: string, cpuSeconds: number): Artefact => ({
  kind: "program",
  name,
  cpuSeconds,
  module: "",
  path: "",
  make: async () => {},
});

/** Follows a build in which a program of half a second of processor time uses more than that. */
async function follow(context: TestContext) {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const said: string[] = [];
  const [first, second] = [artefact("first", 0.5), artefact("second", 60)];
  const progress = followBuild([first, second], (line) => said.push(line));
  context.after(() => progress.end());
  progress.began(first);
  context.mock.timers.tick(60_000);
  const busy = spawn("sh", ["-c", "while :; do :; done"], { detached: true });
  context.after(() => busy.kill("SIGKILL"));
  progress.runs(first, busy.pid!);
  await pause(2_000);
  context.mock.timers.tick(60_000);
  progress.finished(first);
  progress.began(second);
  context.mock.timers.tick(60_000);
  return said;
}

test("without a terminal: a line a minute and one for each program", async (context) => {
  const said = await follow(context);
  assert.match(said[0]!, /^ {2}0 of 2 done, about \d+ (s|min) left; now first 1 s$/);
  assert.match(said[1]!, /^ {2}0 of 2 done, taking longer than usual; now first \d s$/);
  assert.match(said[2]!, /^ {2}first in \d s: 1 of 2 done$/);
  assert.match(said[3]!, /^ {2}1 of 2 done, about \d+ (s|min) left; now second 1 s$/);
  assert.equal(said.length, 4);
});

test("on a terminal: one line that changes, no longer than the terminal is wide", async (context) => {
  let shown = "";
  for (const [property, value] of Object.entries({ isTTY: true, columns: 30 })) {
    const before = Object.getOwnPropertyDescriptor(process.stderr, property);
    Object.defineProperty(process.stderr, property, { value, configurable: true });
    context.after(() => Object.defineProperty(process.stderr, property, before ?? { value: undefined }));
  }
  context.mock.method(process.stderr, "write", (text: string) => {
    shown += text;
    return true;
  });
  assert.deepEqual(await follow(context), []);
  const lines = shown.split("\x1b[1G\x1b[2K");
  assert.ok(lines.length > 100);
  assert.match(lines[1]!, /^ {2}0 of 2 done, about \d+ s lef/);
  assert.ok(lines.every((line) => line.length < 30 && !line.includes("\n")));
});
