/**
 * `npm run bench`: how long Pulumi takes with our program, against a stock program with the objects of Linkerd's page.
 *
 * Whole processes, on the same machine, in turns. What counts is the ratio within each pair. No number is right or wrong:
 * the exit code is 0 unless a run fails.
 */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { reset, up } from "../sandbox/lifecycle.ts";
import { type Pair, sentenceOf, summarize, tableOf } from "./pairs.ts";
import { ourProgram, type Program, run, stockProgram } from "./programs.ts";

/** What is measured: arguments of Pulumi. */
const previewOfNewStack = ["preview", "--non-interactive"];
const updateWithoutChanges = ["up", "--yes", "--skip-preview", "--non-interactive", "--expect-no-changes"];

const options = new Command("bench")
  .description("Times Pulumi with our program and with a stock program, in turns, and prints the ratio")
  .option("--pairs <number>", "pairs to measure, after one to warm up", count, 5)
  .option(
    "--up",
    "measure updates without changes as well: installs both programs, each on a cluster of its own",
    false,
  )
  .option("--json", "print the result as JSON", false)
  .parse()
  .opts<{ pairs: number; up: boolean; json: boolean }>();

const report = (line: string) => (options.json ? console.error(line) : console.log(line));

const ourSandbox = "bench";
// What both install would have two owners.
const stockSandbox = options.up ? "bench-stock" : ourSandbox;
const sandboxes = [...new Set([ourSandbox, stockSandbox])];

function count(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("Give a whole number from 1 on.");
  return number;
}

async function measure(ours: Program, stock: Program, title: string, args: readonly string[]) {
  const timed = async (program: Program) => {
    const begun = performance.now();
    await run(program, "pulumi", ...args);
    return (performance.now() - begun) / 1000;
  };
  report(`\n${title}: one pair to warm up, and ${options.pairs} that count …`);
  const pairs: Pair[] = [];
  for (let pair = 0; pair <= options.pairs; pair++) {
    const times = { ours: await timed(ours), stock: await timed(stock) };
    if (pair > 0) pairs.push(times);
  }
  const ratio = summarize(pairs);
  report(`${tableOf(pairs)}\n${sentenceOf(ratio, pairs.length)}`);
  return { title, pairs, ratio };
}

/** On what it is measured. */
async function circumstances(stock: Program) {
  const [cpu] = cpus();
  const { dependencies } = JSON.parse(readFileSync(join(stock.directory, "package.json"), "utf8"));
  return {
    cpu: `${cpus().length} × ${cpu?.model.trim() ?? "an unknown CPU"}`,
    load: loadavg()[0]!,
    node: (await run(stock, "node", "--version")).trim(),
    pulumi: (await run(stock, "pulumi", "version")).trim(),
    packages: dependencies as Record<string, string>,
  };
}

/** How many resources a program declares. */
async function resources(program: Program): Promise<number> {
  return JSON.parse(await run(program, "pulumi", "preview", "--json")).steps.length;
}

async function bench() {
  for (const sandbox of sandboxes) {
    await reset(sandbox, () => {});
    await up(sandbox, {}, report);
  }
  const ours = await ourProgram(ourSandbox, report);
  const stock = await stockProgram(stockSandbox, report);
  const on = await circumstances(stock);
  report(`${on.cpu}, load ${on.load.toFixed(1)}; Pulumi ${on.pulumi}, Node.js ${on.node}`);
  report(
    Object.entries(on.packages)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  );
  const declared = { ours: await resources(ours), stock: await resources(stock) };
  report(`Ours declares ${declared.ours} resources, the stock program ${declared.stock}.`);

  const measured = [await measure(ours, stock, "Preview of a new stack", previewOfNewStack)];
  if (options.up) {
    for (const program of [ours, stock]) {
      report(`\nInstalling ${program.name} …`);
      await run(program, "pulumi", "up", "--yes", "--skip-preview", "--non-interactive");
    }
    measured.push(await measure(ours, stock, "Update without changes", updateWithoutChanges));
  }
  if (options.json) console.log(JSON.stringify({ ...on, resources: declared, measured }, undefined, 2));
}

try {
  await bench();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  for (const sandbox of sandboxes) await reset(sandbox, report);
}
