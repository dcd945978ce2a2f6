/**
 * `npm test`: runs the tests and prints each failure once more at its end, and `N passed, N failed, N skipped` as its
 * last line.
 *
 *     node test/run.ts [file ...]     all test files but those in test/onRequest, or those that are named
 *
 * Checks that need nothing run first; those that need a sandbox have one of their own for each file, and run three at a
 * time, the longest first: most of what they do is wait. Files that are named run one after the other: some measure time.
 */
import { globSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { reset } from "../sandbox/lifecycle.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import type { Extra } from "../sandbox/toolchain/tools.ts";

/** The longest file, on a machine of two cores that is busy with another one, takes half of it. */
const fileTimeoutMilliseconds = 20 * 60_000;
/** A file that is named builds what it needs beside that itself, and ten rotations in a row take two hours. */
const namedFileTimeoutMilliseconds = 180 * 60_000;

/** These take four minutes and more: begun last, each would be waited for alone. */
const longest = [
  "cluster/rotation",
  "cluster/options",
  "cluster/life",
  "operations/renew/renewal",
  "operations/status/status",
].map((name) => `${name}.cluster`);

const testDirectory = import.meta.dirname;
const named = process.argv.slice(2).map((file) => resolve(file));
const filesAtOnce = named.length > 0 ? 1 : 3;
// The same modules are loaded by hundreds of processes: Node compiles each once, and keeps it here.
process.env.NODE_COMPILE_CACHE = resolve(testDirectory, "../node_modules/.cache/node");
/** What these need is built for them alone; each has a command of its own. */
const separate = join(testDirectory, "onRequest");
const everyFile = globSync(join(testDirectory, "**", "*.test.ts")).filter(
  (file) => !file.startsWith(separate),
);
/** What the files that are not in there need. */
const extras: Extra[] = [
  "linkerd",
  "linkerd-cni",
  "linkerd-viz",
  "trust-manager",
  "kwok",
  "mesh-load",
  "workflows",
  "prometheus",
  "go-tests",
];
const files = named.length > 0 ? named : everyFile.sort();
const nameOf = (file: string) => relative(testDirectory, file).replace(/\.test\.ts$/, "");
const needsSandbox = (file: string) => file.endsWith(".cluster.test.ts");

const counts = { passed: 0, skipped: 0 };
/** What failed, told again at the end: it is far up in the output of a quarter of an hour. */
const failures: string[] = [];

async function runFiles(title: string, group: readonly string[]): Promise<void> {
  if (group.length === 0) return;
  console.log(`\n── ${title}`);
  const begun = performance.now();
  const waiting = group.values();
  const worker = async () => {
    for (const file of waiting) await runFile(file);
  };
  await Promise.all(Array.from({ length: filesAtOnce }, worker));
  console.log(`── ${title}: ${seconds(begun)}`);
}

/** Runs one file; each line of its report begins with its name, since another file reports at the same time. */
async function runFile(file: string): Promise<void> {
  const name = nameOf(file);
  const begun = performance.now();
  const timeout = named.length > 0 ? namedFileTimeoutMilliseconds : fileTimeoutMilliseconds;
  const signal = AbortSignal.timeout(timeout);
  const events = run({ files: [file], signal });
  events.on("test:pass", ({ details, skip, todo }) => {
    if (details.type === "suite") return;
    if (skip !== undefined && skip !== false) counts.skipped++;
    else if (todo === undefined || todo === false) counts.passed++;
    else counts.skipped++;
  });
  events.on("test:fail", ({ name: test, details }) => {
    const { error } = details as { error: Error & { failureType?: string } };
    if (error.failureType === "subtestsFailed") return; // They are told one by one.
    failures.push(`${name} │ ${test}: ${reason(error)}`);
  });
  // The runner's diagnostics are the file's own counts.
  const report = events.filter(({ type }) => type !== "test:diagnostic").compose(spec);
  for await (const lines of report) process.stdout.write(String(lines).replaceAll(/^(?=.)/gm, `${name} │ `));
  // What it has started goes on, and would be waited for.
  if (signal.aborted && needsSandbox(file)) await reset(basename(name, ".cluster"), console.log);
  console.log(`${name} │ ${seconds(begun)}`);
}

/** What a test threw; the runner wraps it into an error of its own. */
const reason = ({ cause, message }: Error) => (cause instanceof Error ? cause.message : message);

const seconds = (begun: number) => `${((performance.now() - begun) / 1000).toFixed(0)} s`;

/** All others come after the longest, in the order of their names. */
const rankOf = (file: string) => [...longest, nameOf(file)].indexOf(nameOf(file));
const onSandbox = files.filter(needsSandbox).sort((left, right) => rankOf(left) - rankOf(right));
let built = true;
if (named.length === 0 || onSandbox.length > 0) {
  try {
    // Building it for the first time takes longer than any file may.
    await ensureToolchain(console.log, named.length === 0 ? extras : []);
  } catch (error) {
    failures.push(`The sandbox cannot be built: ${(error as Error).message}`);
    console.error(failures.at(-1));
    built = false;
  }
}
await runFiles(
  "Without a cluster",
  files.filter((file) => !needsSandbox(file)),
);
if (built) await runFiles("On the sandbox", onSandbox);

if (failures.length > 0) console.log(`\n── Failed\n${failures.join("\n")}`);
console.log(`\n${counts.passed} passed, ${failures.length} failed, ${counts.skipped} skipped`);
process.exitCode = failures.length > 0 || counts.passed === 0 ? 1 : 0;
