/** `npm run -s status`. */
import { writeFileSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";
import type { Mesh } from "../../mesh/cluster.ts";
import { verdictOf } from "../../rules/finding.ts";
import { coloured } from "../colour.ts";
import { parseTimeout, runCommand } from "../command.ts";
import { warnBeforeOption } from "../lifetimes.ts";
import { carryOut, describePlan, planOf } from "./fix.ts";
import type { History } from "./history.ts";
import { statusFacts, statusJson } from "./json.ts";
import { statusMetrics } from "./metrics.ts";
import { prometheusAt } from "./prometheus.ts";
import { type MeshStatus, readStatus } from "./read.ts";
import { statusTable } from "./table.ts";
import { problemsOf } from "./verdict.ts";

/** A year. */
const mostHistoryHours = 8760;

interface StatusOptions {
  readonly warnBefore?: string;
  readonly leaves: boolean;
  readonly fix: boolean;
  readonly html?: string;
  readonly prometheusUrl?: string;
  readonly historyHours?: number;
  readonly prometheus: boolean;
}

export const main = () =>
  runCommand<StatusOptions>({
    name: "status",
    description:
      "Shows what a mesh has and really uses: trust anchors by generation, the identity issuer as stored and as each controller " +
      "has loaded it, the webhooks' certificates as stored and served, what renews them, and what every meshed pod trusts.",
    timeout: "30s",
    exitCodes:
      "0 if everything is valid and used, every meshed pod accepts what is signed, and what renews is there; 1 with warnings only; 2 otherwise.",
    options: [
      warnBeforeOption(),
      new Option("--leaves", "ask every proxy for its leaf, not a sample").default(false),
      new Option("--html <file>", "write a page with a timeline of every certificate's life, too"),
      new Option("--prometheus-url <url>", "draw what this Prometheus has recorded into the page of --html"),
      new Option("--history-hours <n>", "how far back to draw it (default: 24)").argParser(parseHours),
      new Option("--prometheus", "print what nobody else exports as metrics, in Prometheus' text format")
        .default(false)
        .conflicts(["json", "watch", "fix"]),
      new Option("--watch [interval]", "look again and again, such as every 10s; --timeout is for each look")
        .argParser(parseTimeout)
        .preset("30s"),
      new Option("--fix", "restart what only a restart helps, and say first what that is")
        .default(false)
        .conflicts(["json", "watch"]),
    ],
    refuse: ({ html, prometheusUrl, historyHours }) => {
      if (prometheusUrl === undefined && historyHours !== undefined) {
        throw new Error("--history-hours is for what --prometheus-url draws: give that, too.");
      }
      if (prometheusUrl === undefined) return;
      prometheusAt(prometheusUrl);
      if (html === undefined) {
        throw new Error("--prometheus-url draws into the page of --html: give --html <file>, too.");
      }
    },
    run: async (mesh, options) => {
      const status = await readStatus(mesh, options.leaves ? "all" : "sample");
      const problems = problemsOf(status, options.warnBefore);
      // A terminal shows the last look alone; of JSON, each look is a line.
      if (options.watch !== undefined && !options.json && process.stdout.isTTY) console.clear();
      if (options.prometheus) process.stdout.write(statusMetrics(statusFacts(status, problems)));
      else if (options.json) console.log(statusJson(status, problems, options.watch === undefined ? 2 : 0));
      else console.log(coloured(statusTable(status, problems)));
      if (options.html !== undefined) {
        const history = await historyOf(mesh, status, options);
        const { statusPage } = await import("./page.ts");
        writeFileSync(options.html, statusPage(status, problems, history));
      }
      if (options.fix) await fix(mesh, status, problems);
      return verdictOf(problems);
    },
  });

/** That it cannot be had is told, and no problem of the mesh's. */
async function historyOf(
  { signal }: Mesh,
  { readAt }: MeshStatus,
  { prometheusUrl, historyHours = 24 }: StatusOptions,
): Promise<History | undefined> {
  if (prometheusUrl === undefined) return undefined;
  const { readHistory } = await import("./history.ts");
  const history = await readHistory(prometheusAt(prometheusUrl), readAt, historyHours, signal);
  for (const { message } of history.failures) {
    process.stderr.write(`Not all of the history is had from ${history.url}: ${message}\n`);
  }
  return history;
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (Number.isInteger(hours) && hours >= 1 && hours <= mostHistoryHours) return hours;
  throw new InvalidArgumentError(`It is a whole number of hours from 1 to ${mostHistoryHours}.`);
}

async function fix(mesh: Mesh, ...seen: Parameters<typeof planOf>): Promise<void> {
  const plan = planOf(...seen);
  console.log(`\n${describePlan(plan)}`);
  await carryOut(mesh, plan);
  if (plan.restarts.length > 0) console.log("See what they have come to: npm run -s status");
}

if (import.meta.main) await main();
