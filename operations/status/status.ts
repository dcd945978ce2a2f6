/** `npm run -s status`. */
import { Option } from "commander";
import type { Mesh } from "../../mesh/cluster.ts";
import { verdictOf } from "../../rules/finding.ts";
import { runCommand } from "../command.ts";
import { warnBeforeOption } from "../lifetimes.ts";
import { carryOut, describePlan, planOf } from "./fix.ts";
import { statusJson } from "./json.ts";
import { readStatus } from "./read.ts";
import { statusTable } from "./table.ts";
import { problemsOf } from "./verdict.ts";

interface StatusOptions {
  readonly warnBefore?: string;
  readonly leaves: boolean;
  readonly fix: boolean;
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
      new Option("--fix", "restart what only a restart helps, and say first what that is")
        .default(false)
        .conflicts("json"),
    ],
    run: async (mesh, options) => {
      const status = await readStatus(mesh, options.leaves ? "all" : "sample");
      const problems = problemsOf(status, options.warnBefore);
      console.log(options.json ? statusJson(status, problems) : statusTable(status, problems));
      if (options.fix) await fix(mesh, status, problems);
      return verdictOf(problems);
    },
  });

async function fix(mesh: Mesh, ...seen: Parameters<typeof planOf>): Promise<void> {
  const plan = planOf(...seen);
  console.log(`\n${describePlan(plan)}`);
  await carryOut(mesh, plan);
  if (plan.restarts.length > 0) console.log("See what they have come to: npm run -s status");
}

if (import.meta.main) await main();
