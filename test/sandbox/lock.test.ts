/** The lock across processes: each that wants it here is a process of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../sandbox/until.ts";

const lockModule = join(import.meta.dirname, "..", "..", "sandbox", "lock.ts");

/** Takes the lock, holds it until its input ends, and lives on until it is killed. */
const program = `
  import { withLock } from ${JSON.stringify(lockModule)};
  const [name, lock] = process.argv.slice(1);
  const say = (what) => console.log(name + " " + what);
  await withLock(lock, "Another", () => say("waits"), async () => {
    say("holds");
    await new Promise((done) => process.stdin.on("end", done).resume());
    say("lets go");
  });
  setInterval(() => {}, 1000);
`;

/** Starts processes that want one lock; all write to one file, so that what they say is in order. */
function contest(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "lock-"));
  const file = join(folder, "said");
  const output = openSync(file, "a");
  const children: ChildProcess[] = [];
  context.after(() => {
    for (const child of children) child.kill("SIGKILL");
    closeSync(output);
    rmSync(folder, { recursive: true });
  });
  const start = (name: string) => {
    const arguments_ = ["--input-type=module", "--eval", program, name, folder];
    const child = spawn(process.execPath, arguments_, { stdio: ["pipe", output, "inherit"] });
    children.push(child);
    return { process: child, letGo: () => child.stdin!.end() };
  };
  const said = () => readFileSync(file, "utf8").split("\n").slice(0, -1);
  const heard = (line: string) =>
    until(`"${line}"`, 20_000, async () => said().includes(line) || said().join(", "));
  return { said, start, heard };
}

test("one process at a time; the others are told once, and wait no longer than the work", async (context) => {
  const { said, start, heard } = contest(context);
  const first = start("first");
  await heard("first holds");
  const others = { second: start("second"), third: start("third") };
  await heard("second waits");
  await heard("third waits");

  first.letGo();
  await until("another to hold the lock", 20_000, async () => said().length >= 5 || said().join(", "));
  assert.equal(first.process.exitCode, null, "the first holder lives on");
  const [next, last] =
    said()[4] === "second holds" ? (["second", "third"] as const) : (["third", "second"] as const);
  others[next].letGo();
  await heard(`${last} holds`);
  others[last].letGo();
  await heard(`${last} lets go`);

  assert.deepEqual(said().toSpliced(1, 2), [
    "first holds",
    "first lets go",
    `${next} holds`,
    `${next} lets go`,
    `${last} holds`,
    `${last} lets go`,
  ]);
});

test("the lock of a killed process is free", async (context) => {
  const { said, start, heard } = contest(context);
  const first = start("first");
  await heard("first holds");
  start("second");
  await heard("second waits");
  first.process.kill("SIGKILL");
  await heard("second holds");
  assert.deepEqual(said(), ["first holds", "second waits", "second holds"]);
});
