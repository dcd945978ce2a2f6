/**
 * `npm run -s recover`: brings a broken mesh back, a remedy at a time, each on the evidence of the one before.
 *
 * It keeps nothing: it looks, does the first remedy that applies, waits until a look no longer calls for it, and looks again.
 * So it can be killed at any line and run again, here or elsewhere.
 */
import { setTimeout } from "node:timers/promises";
import { Command } from "commander";
import { forecastOf } from "../../rules/recovery/forecast.ts";
import { type Plan, planOf, type Remedy, type RemedyName } from "../../rules/recovery/plan.ts";
import { coloured } from "../colour.ts";
import { mayHaveEnded, readConfigured } from "../configuredStack.ts";
import { confirm } from "../confirm.ts";
import { exitCodes } from "../exitCodes.ts";
import { formatSpan } from "../format.ts";
import { runResumable } from "../resumable.ts";
import { describeForecast, describePlan } from "./describe.ts";
import { endingsOf } from "./endings.ts";
import { type Look, look } from "./look.ts";
import { carryOut } from "./remedies.ts";

interface Options {
  readonly stack?: string;
  readonly yes: boolean;
  readonly check: boolean;
  readonly json: boolean;
}

/** A remedy that has been carried out, and how long it took until a look no longer called for it. */
interface Done {
  readonly remedy: RemedyName;
  readonly milliseconds: number;
}

const report = (line: string) => void process.stderr.write(`${line}\n`);

const pollMilliseconds = 2000;
/** How long a remedy may take until its effect is seen, after it has been carried out. */
const effectMilliseconds: Readonly<Record<RemedyName, number>> = {
  bundle: 60_000,
  update: 2 * 60_000,
  reissue: 2 * 60_000,
  vouch: 5 * 60_000,
  issuer: 3 * 60_000,
  // The kubelet's two minutes, and a look.
  reload: 4 * 60_000,
  identity: 5 * 60_000,
  webhooks: 3 * 60_000,
  controlPlane: 5 * 60_000,
  workloads: 5 * 60_000,
};
/** Whoever changes back what was put right as often as that would do it for ever. */
const mostTimes = 3;
/** What stands in the way right after a remedy may only not have seen it yet. */
const settlingMilliseconds = 60_000;

async function recover(options: Options, signal: AbortSignal): Promise<keyof typeof exitCodes> {
  const read = () => readConfigured(options.stack, signal, mayHaveEnded);
  let stack = await read();
  const again = () => look(stack);
  const done: Done[] = [];
  const confirmed = new Set<RemedyName>();
  let now = await again();
  for (;;) {
    const plan = planOf(now.evidence);
    const [remedy] = plan.remedies;
    if (remedy === undefined || options.check) return end(plan, done, now, options);
    requireProgress(remedy, done);
    const asks = !options.yes && !confirmed.has(remedy.name);
    if (asks || done.length === 0) report(describePlan(plan));
    if (asks) {
      await confirm("Do this?", "--yes");
      for (const { name } of plan.remedies) confirmed.add(name);
    }
    const begun = performance.now();
    report(`\nTo ${remedy.does} …`);
    now = await takeEffect(remedy, now, again, signal);
    if (remedy.name === "vouch") stack = await read();
    const milliseconds = Math.round(performance.now() - begun);
    report(`${formatSpan(milliseconds)}: done.`);
    done.push({ remedy: remedy.name, milliseconds });
    now = await settled(now, again, signal);
  }
}

/** @throws Error if a remedy has helped that often, and what it is for has come up again each time. */
export function requireProgress(
  { name, does, found }: Pick<Remedy, "name" | "does" | "found">,
  done: readonly Pick<Done, "remedy">[],
): void {
  if (done.filter(({ remedy }) => remedy === name).length < mostTimes) return;
  throw new Error(
    `Tried ${mostTimes} times to ${does}. It helped each time, and again there is: ${found.map(({ subject, message }) => `${subject}: ${message}`).join("; ")} ` +
      "Something else changes it back, such as a GitOps controller or another stack. See who: kubectl get --show-managed-fields -o yaml; stop that, and type the same again.",
  );
}

/** Carries out a remedy, and looks until what it is for is no longer found. */
async function takeEffect(
  remedy: Remedy,
  before: Look,
  again: () => Promise<Look>,
  signal: AbortSignal,
): Promise<Look> {
  let failure: Error | undefined;
  try {
    await carryOut(remedy.name, before, report);
  } catch (error) {
    // An update can put everything back, and then refuse what is mended next.
    if (remedy.name !== "update" || signal.aborted) throw error;
    failure = error as Error;
  }
  const end = performance.now() + effectMilliseconds[remedy.name];
  for (;;) {
    const now = await again();
    const left = leftOf(remedy, planOf(now.evidence));
    if (left.length === 0) return now;
    if (failure !== undefined) throw failure;
    if (performance.now() > end) {
      throw new Error(
        `Waited ${formatSpan(effectMilliseconds[remedy.name])} after it was tried to ${remedy.does}. Still found: ${left.join("; ")}`,
      );
    }
    await setTimeout(pollMilliseconds, undefined, { signal });
  }
}

/** What a remedy was for, and is found again. What else has come up is for another turn. */
function leftOf({ name, found }: Remedy, { remedies }: Plan): readonly string[] {
  const subjects = new Set(found.map(({ subject }) => subject));
  // The pods of identity have other names when they have restarted, and the same to answer for.
  const isAny = name === "identity" || name === "reload";
  return remedies
    .filter((one) => one.name === name)
    .flatMap((one) => one.found)
    .filter(({ subject }) => isAny || subjects.has(subject))
    .map(({ subject, message }) => `${subject}: ${message}`);
}

/** Gives cert-manager the time to see what has been mended, where nothing else could be done. */
async function settled(first: Look, again: () => Promise<Look>, signal: AbortSignal): Promise<Look> {
  const end = performance.now() + settlingMilliseconds;
  let now = first;
  for (;;) {
    const { remedies, obstacles } = planOf(now.evidence);
    if (remedies.length > 0 || obstacles.length === 0 || performance.now() > end) return now;
    await setTimeout(pollMilliseconds, undefined, { signal });
    now = await again();
  }
}

function end(
  plan: Plan,
  done: readonly Done[],
  { stack: { settings }, evidence: { mesh, time }, status }: Look,
  { json, check }: Options,
): keyof typeof exitCodes {
  const forecast =
    check && mesh !== undefined && status !== undefined
      ? forecastOf(endingsOf(status, mesh, settings), time)
      : undefined;
  if (json) console.log(JSON.stringify({ ...plan, done, forecast }, undefined, 2));
  else {
    const coming = forecast === undefined ? "" : `\n\n${describeForecast(forecast, time)}`;
    console.log(coloured(`${describePlan(plan)}${coming}`));
  }
  return plan.remedies.length + plan.obstacles.length === 0 ? "ok" : "warning";
}

/** Runs the command with this process's arguments, and sets its exit code. */
export function main(): Promise<void> {
  return runResumable((interrupted) =>
    new Command("recover")
      .description(
        "Brings a mesh back whose credentials have ended, were damaged or deleted: says what is found, what is done about it and what that interrupts, and does it on --yes. Nothing that is still good is replaced.",
      )
      .option("--stack <name>", "the stack (default: the selected one)")
      .option("--yes", "do it without asking", false)
      .option(
        "--check",
        "change nothing: say what would be done, and which state the mesh is nearest to",
        false,
      )
      .option("--json", "print what is found and done as JSON", false)
      .addHelpText(
        "after",
        "\nExit code: 0 if there is nothing to recover any more; 1 if something is left to do (--check), or to someone else; 2 otherwise.",
      )
      .action(async (options: Options) => {
        process.exitCode = exitCodes[await recover(options, interrupted)];
      }),
  );
}

if (import.meta.main) await main();
