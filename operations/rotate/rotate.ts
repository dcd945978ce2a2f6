/**
 * `npm run -s rotate -- <command>`: takes the mesh from one generation of its trust anchor to the next, a step at a time.
 *
 * Where a rotation is, the stack's settings and the cluster say; nothing is kept on this machine. So each command can be
 * killed at any line and run again, here or elsewhere.
 */
import { Command } from "commander";
import { exitCodes, exitForUsage } from "../exitCodes.ts";
import { parseLifetime } from "../lifetimes.ts";
import { runResumable } from "../resumable.ts";
import { type Action, abort, begin, forward, type Options, plan, run } from "./actions.ts";

/** Of an option that may be repeated. */
const collect = (value: string, before: readonly string[]) => [...before, value];

/** Runs the command with this process's arguments, and sets its exit code. */
export function main(): Promise<void> {
  return runResumable(programOf, ": npm run -s rotate -- plan says where it stands");
}

function programOf(interrupted: AbortSignal): Command {
  const program = new Command("rotate")
    .description(
      "Rotates the trust anchor of a stack, a step at a time. No pod has to be restarted for it: the older generation vouches for the new one until every pod has been restarted for whatever reason.",
    )
    .helpCommand(false)
    .addHelpText(
      "after",
      "\nExit code: 0 if it is done, or has to wait (plan, run); 1 if a step has to wait, which is then not taken, or has been taken back; 2 otherwise.",
    );
  const add = (name: string, description: string, action: Action) => {
    const command = program
      .command(name)
      .description(description)
      .option("--stack <name>", "the stack (default: the selected one)")
      .option("--json", "print where it stands as JSON", false)
      .option(
        "--external-workloads-hold-it",
        "confirm that workloads outside of the cluster trust the newest generation",
        false,
      )
      .option(
        "--also-context <name>",
        "a cluster whose proxies trust the same anchors, by its context; may be repeated",
        collect,
        [],
      )
      .option(
        "--also-kubeconfig <path>",
        "the same, by a kubeconfig whose current context it is; may be repeated",
        collect,
        [],
      )
      .exitOverride(exitForUsage)
      .action(async (options: Options) => {
        process.exitCode = exitCodes[await action({ ...options }, interrupted)];
      });
    if (name === "plan") return command;
    return command
      .option("--yes", "do not ask", false)
      .option("--edit", "change the stack's file alone, for a pull request", false);
  };
  const restarting = [
    "--restart",
    "first restart the workloads that were started before the newest generation, a few at a time, as their PodDisruptionBudgets allow",
  ] as const;
  add("plan", "say where it stands, what comes next, and what that waits for; changes nothing", plan);
  add("begin", "add the next generation, by which the mesh is signed at once", begin)
    .option(
      "--distrust",
      "the older generation's key may be in someone else's hands: trust the next one alone, at once, and restart every workload; says first what breaks, and for how long",
    )
    .option("--certificate-file <pem>", "a root of your own for it, from the project's folder")
    .option("--private-key-file <pem>", "its key")
    .option("--cross-certificate-file <pem>", "its cross certificate, where the older key is not here");
  add(
    "activate",
    "let the newest generation sign, where the older one cannot vouch for it",
    forward("activate"),
  ).option(...restarting);
  add(
    "finish",
    "stop vouching for the new generation, and watch whether every proxy renews its certificate: if one fails to, it is taken back; then, take the older one out",
    forward("settle", "retire"),
  ).option(...restarting);
  add("abort", "go back to the older generation", abort);
  add("run", "go as far as the evidence allows, without asking", run).option(
    "--start-when-less-than <duration>",
    "begin by itself when the generation that signs has less life left, such as 17520h",
    parseLifetime,
  );
  return program;
}

if (import.meta.main) await main();
