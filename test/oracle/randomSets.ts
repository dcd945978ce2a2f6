/**
 * `npm run test:oracle`: lets Linkerd's identity controller decide about every known trap and many thousand random sets of
 * credentials, and compares our verdict with its own.
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import type { Measured } from "../../docs/oraclePage.ts";
import { reset, up } from "../../sandbox/lifecycle.ts";
import { tools } from "../../sandbox/toolchain/tools.ts";
import { compareAll, describeDifference, describeReport, isDifference, reportOn } from "./comparison.ts";
import { identityOracles } from "./identityController.ts";
import { randomRecipes } from "./randomRecipe.ts";
import { allTraps } from "./traps.ts";

const sandbox = "oracle";
/** A difference is one too many; the first few show what it is about. */
const shownDifferences = 10;

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new InvalidArgumentError("a whole number");
  return number;
}

function controllerVersion(): string {
  const controller = tools.find(({ name }) => name === "linkerd-controller");
  return Object.values(controller?.variables ?? {}).join();
}

interface Options {
  readonly sets: number;
  readonly seed: number;
  readonly json?: string;
}

async function run({ sets, seed, json }: Options): Promise<void> {
  console.log(`${sets} random sets, seed ${seed}`);
  await up(sandbox, {}, console.log);
  try {
    const oracles = await identityOracles(sandbox, 4 * availableParallelism());
    const begun = performance.now();
    const recipes = [...allTraps(), ...randomRecipes(seed, sets)];
    let shown = 0;
    const compared = await compareAll(
      recipes,
      oracles,
      (oracle, sets) => oracle.startOnce(sets),
      (done, latest) => {
        if (done % 500 === 0) console.log(`  ${done} of ${recipes.length}`);
        if (isDifference(latest) && shown++ < shownDifferences) console.error(describeDifference(latest));
      },
    );
    const seconds = Math.round((performance.now() - begun) / 1000);
    const measured: Measured = {
      ...reportOn(compared),
      traps: recipes.length - sets,
      seed,
      seconds,
      machine: `${availableParallelism()} × ${cpus()[0]?.model.trim()}`,
      load: Math.round(loadavg()[2] ?? 0),
      linkerd: controllerVersion(),
      day: new Date().toISOString().slice(0, 10),
    };
    console.log(
      `${describeReport(measured)}\n${seconds} s, ${(recipes.length / seconds).toFixed(1)} sets a second`,
    );
    const differences = compared.filter(isDifference);
    if (json !== undefined)
      await writeFile(json, `${JSON.stringify({ ...measured, differences }, undefined, 2)}\n`);
    if (differences.length > 0) process.exitCode = 1;
  } finally {
    await reset(sandbox, console.log);
  }
}

await new Command("test:oracle")
  .description("Compare our verdict on credentials with that of Linkerd's identity controller.")
  .option("--sets <number>", "how many random sets", wholeNumber, 10_000)
  .option(
    "--seed <number>",
    "what the random sets come from",
    wholeNumber,
    Math.floor(Math.random() * 2 ** 31),
  )
  .option("--json <file>", "write the report there, too, with the sets that differ")
  .action(run)
  .parseAsync();
