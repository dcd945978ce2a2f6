/**
 * `npm test`: runs every check and prints `N passed, N failed, N skipped` as its last line.
 *
 *     node test/run.ts [file ...]     all test files, or those that are named
 *
 * Checks that need nothing run first; those that need a sandbox have one of their own for each file, and run two at a
 * time: most of what they do is wait.
 */
import { globSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const testDirectory = import.meta.dirname;
const named = process.argv.slice(2).map((file) => resolve(file));
const files = named.length > 0 ? named : globSync(join(testDirectory, "**", "*.test.ts")).sort();
const needsSandbox = (file: string) => file.endsWith(".cluster.test.ts");

const counts = { passed: 0, failed: 0, skipped: 0 };

async function runFiles(title: string, group: string[], concurrency: number): Promise<void> {
  if (group.length === 0) return;
  console.log(`\n── ${title}: ${group.map((file) => relative(testDirectory, file)).join(", ")}`);
  const begun = performance.now();
  const events = run({ files: group, concurrency });
  events.on("test:pass", ({ details, skip, todo }) => {
    if (details.type === "suite") return;
    if (skip !== undefined && skip !== false) counts.skipped++;
    else if (todo === undefined || todo === false) counts.passed++;
    else counts.skipped++;
  });
  events.on("test:fail", ({ details }) => {
    if (details.type !== "suite") counts.failed++;
  });
  for await (const chunk of events.compose(spec)) process.stdout.write(chunk);
  console.log(`── ${title}: ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}

await runFiles(
  "Without a cluster",
  files.filter((file) => !needsSandbox(file)),
  2,
);
await runFiles("On the sandbox", files.filter(needsSandbox), 2);

console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
