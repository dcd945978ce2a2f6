/**
 * `npm run -s rotate -- <command>`: takes the mesh from one generation of its trust anchor to the next, a step at a time.
 *
 * Where a rotation is, the stack's settings and the cluster say; nothing is kept on this machine. So each command can be
 * killed at any line and run again, here or elsewhere.
 */
import { execFile } from "node:child_process";
import { createInterface } from "node:readline/promises";
import { promisify } from "node:util";
import { Command } from "commander";
import { resolve } from "../../components/rotatingLinkerdArgs.ts";
import { configurationOf } from "../../infra/config.ts";
import { connect, type Mesh } from "../../mesh/cluster.ts";
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { known } from "../../rules/known.ts";
import { parseDuration } from "../../rules/lifetimes/duration.ts";
import { type PlannedAnchors, plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { type Demands, gatesOf } from "../../rules/rotation/gates.ts";
import { describeStage, type Stage, stageOf } from "../../rules/rotation/stage.ts";
import { type Edit, editOf, type NextAnchor, nextStep, stepBack } from "../../rules/rotation/steps.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import { readStack } from "../check/stack.ts";
import { exitCodes, exitForUsage, exitInterrupted } from "../exitCodes.ts";
import { formatFindings } from "../format.ts";
import { parseLifetime } from "../lifetimes.ts";
import { readProject } from "../project.ts";
import { awaitProof, runUpdate, stackFileOf, writeEdit } from "./apply.ts";
import { readEvidence, type Seen } from "./evidence.ts";
import { describePlan, isOpen, type Plan, planJson, planOf } from "./plan.ts";
import { restartAll, restartsFor } from "./restart.ts";
import { describeEdit } from "./stackEdit.ts";

interface Options {
  readonly stack?: string;
  readonly yes: boolean;
  readonly edit: boolean;
  readonly restart?: boolean;
  readonly json: boolean;
  readonly externalWorkloadsHoldIt: boolean;
  readonly startWhenLessThan?: string;
  readonly certificateFile?: string;
  readonly privateKeyFile?: string;
  readonly crossCertificateFile?: string;
}

type Verdict = keyof typeof exitCodes;

/** What a stack says, as it is set now. */
interface Stack {
  readonly name: string;
  readonly settings: Settings;
  readonly stage: Stage;
  readonly planned: PlannedAnchors;
  readonly demands: Demands;
  readonly mesh: Mesh;
}

const report = (line: string) => void process.stderr.write(`${line}\n`);

class Refused extends Error {}

async function readRotation(
  { stack, externalWorkloadsHoldIt }: Options,
  signal: AbortSignal,
): Promise<Stack> {
  const text = await readStack(stack);
  if ("rule" in text) throw new Refused(formatFindings([text as Finding]));
  const { configuration, findings } = configurationOf(text);
  if (verdictOf(findings) === "error") {
    throw new Refused(formatFindings(findings.filter(({ severity }) => severity === "error")));
  }
  const settings: Settings = resolve(configuration.linkerd);
  const stage = stageOf(settings);
  const planned = plannedAnchors(settings);
  if (stage === undefined || planned === undefined) {
    throw new Refused(
      "No generation of this stack signs: the anchor is kept on the cluster, or someone else signs (docs/credentials.md). Whoever keeps it rotates it.",
    );
  }
  const [namespace, rotationAllowance, issuanceLifetime, clockSkewAllowance] = [
    settings.controlPlane.namespace,
    settings.trustAnchor.rotationAllowance,
    settings.identityIssuer.issuanceLifetime,
    settings.identityIssuer.clockSkewAllowance,
  ].map((value) => known(value)!);
  const cluster = connect({
    ...(configuration.kubeconfig !== undefined && { kubeconfig: configuration.kubeconfig }),
    ...(configuration.kubeContext !== undefined && { context: configuration.kubeContext }),
    signal,
  });
  return {
    name: stack ?? (await selectedStack()),
    settings,
    stage,
    planned,
    demands: {
      rotationAllowance: rotationAllowance!,
      issuanceLifetime: issuanceLifetime!,
      clockSkewAllowance: clockSkewAllowance!,
      externalConfirmed: externalWorkloadsHoldIt,
    },
    mesh: { ...cluster, namespace: namespace! },
  };
}

async function selectedStack(): Promise<string> {
  return (await promisify(execFile)("pulumi", ["stack", "--show-name", "--non-interactive"])).stdout.trim();
}

/** Where the rotation is, and what its next step waits for. */
async function look({ name, settings, stage, planned, demands, mesh }: Stack): Promise<Plan> {
  const next = nextStep(stage);
  const seen = await readEvidence(mesh, planned, next.name === "retire");
  return planOf(name, stage, settings, seen, next, gatesOf(next.name, stage, seen, demands));
}

/** Takes one step, on the evidence that it is safe. */
async function take(
  stack: Stack,
  edit: Edit,
  does: string,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const project = readProject();
  const lines = describeEdit(edit);
  report(`To ${does}:\n${lines.map((line) => `  ${line}`).join("\n")}`);
  if (!options.yes && !options.edit) await confirm(`Change stack ${stack.name}, and run pulumi up?`);
  writeEdit(project, stack.name, edit);
  if (options.edit) {
    report(`${stackFileOf(project, stack.name)} is changed. It takes effect with pulumi up.`);
    return;
  }
  await update({ ...options, stack: stack.name }, signal);
}

/** Has the cluster become what the stack says, and waits for the proof. */
async function update(options: Options, signal: AbortSignal): Promise<void> {
  await runUpdate(options.stack!);
  const { mesh, planned, demands } = await readRotation(options, signal);
  await awaitProof(mesh, planned, demands, report);
}

async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new Refused("There is no terminal to ask on: give --yes, or --edit.");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} (yes/no) `);
    if (answer.trim() !== "yes") throw new Refused("Nothing more is done.");
  } finally {
    terminal.close();
  }
}

type Action = (options: Options, signal: AbortSignal) => Promise<Verdict>;

const plan: Action = async (options, signal) => {
  const seen = await look(await readRotation(options, signal));
  console.log(options.json ? planJson(seen) : describePlan(seen));
  return "ok";
};

/** One of the steps forward, if its gates are open. */
const forward =
  (...names: readonly string[]): Action =>
  async (options, signal) => {
    const stack = await readRotation(options, signal);
    const before = await look(stack);
    const { pending } = before.seen;
    if (pending.length > 0 && !options.edit) return goOn(stack, pending, options, signal);
    if (options.restart) await restartHolders(stack, options);
    const seen = options.restart ? await look(stack) : before;
    if (!names.includes(seen.next.name)) {
      throw new Refused(
        `There is nothing to ${names.join(" or ")}: ${describeStage(stack.stage)}. Next is ${seen.next.name}: npm run -s rotate -- plan`,
      );
    }
    if (!isOpen(seen)) {
      console.log(options.json ? planJson(seen) : describePlan(seen));
      return "warning";
    }
    const next = nextAnchor(options);
    const edit = editOf(seen.next.name, stack.stage, stack.settings, next);
    await take(stack, edit, seen.next.does, options, signal);
    return done(options, signal);
  };

/** Goes on where a command was killed after it had changed the stack's file. */
async function goOn(
  stack: Stack,
  pending: readonly string[],
  options: Options,
  signal: AbortSignal,
): Promise<Verdict> {
  report(`The cluster is not yet as stack ${stack.name} says: ${pending.join("; ")}.`);
  if (!options.yes) await confirm("Run pulumi up?");
  await update({ ...options, stack: stack.name }, signal);
  return done(options, signal);
}

/** Has every pod take the newest generation, where that is trusted already. */
async function restartHolders({ mesh, planned, stage }: Stack, options: Options): Promise<void> {
  const seen = await readEvidence(mesh, planned, false);
  const root = seen.roots.get(stage.generations.at(-1)!);
  if (root === undefined || stage.name === "idle") return;
  const restarts = restartsFor(seen.held, root);
  if (restarts.workloads.length > 0) {
    report(
      `To restart ${restarts.workloads.length} workloads whose pods were started before generation ${stage.generations.at(-1)}.`,
    );
    if (!options.yes) await confirm("Restart them?");
  }
  await restartAll(mesh, restarts, report);
}

function nextAnchor({
  certificateFile,
  privateKeyFile,
  crossCertificateFile,
}: Options): NextAnchor | undefined {
  if (certificateFile === undefined) return undefined;
  return {
    certificateFile,
    ...(privateKeyFile !== undefined && { privateKeyFile }),
    ...(crossCertificateFile !== undefined && { crossCertificateFile }),
  };
}

/** Says how it stands after a step. */
async function done(options: Options, signal: AbortSignal): Promise<Verdict> {
  return options.edit ? "ok" : plan(options, signal);
}

/** Back to where the rotation began, a step at a time; each is safe by itself. */
const abort: Action = async (options, signal) => {
  for (;;) {
    const stack = await readRotation(options, signal);
    const back = stepBack(stack.stage);
    if (back === undefined) return done(options, signal);
    const seen = await readEvidence(stack.mesh, stack.planned, back.name === "drop");
    const gates = gatesOf(back.name, stack.stage, seen, stack.demands);
    if (gates.some(({ isOpen }) => !isOpen)) {
      const waiting = planOf(stack.name, stack.stage, stack.settings, seen, back, gates);
      console.log(options.json ? planJson(waiting) : describePlan(waiting));
      return "warning";
    }
    await take(stack, editOf(back.name, stack.stage, stack.settings), back.does, options, signal);
    if (options.edit) return "ok";
  }
};

/** As far as the gates allow; a scheduler calls it again and again. */
const run: Action = async (options, signal) => {
  for (;;) {
    const stack = await readRotation(options, signal);
    const seen = await look(stack);
    if (seen.seen.pending.length > 0) {
      report(`The cluster is not yet as stack ${stack.name} says: ${seen.seen.pending.join("; ")}.`);
      await update({ ...options, stack: stack.name }, signal);
      continue;
    }
    const rests = seen.next.name === "begin" && !isDue(stack, seen.seen, options);
    if (rests || !isOpen(seen)) {
      console.log(options.json ? planJson(seen) : describePlan(seen));
      return "ok";
    }
    await take(stack, seen.edit, seen.next.does, { ...options, yes: true }, signal);
    if (options.edit) return "ok";
  }
};

/** Whether a rotation is to begin by itself. */
function isDue({ stage }: Stack, { roots, time }: Seen, { startWhenLessThan }: Options): boolean {
  const root = roots.get(stage.signing);
  if (startWhenLessThan === undefined || root === undefined) return false;
  const left = root.x509.validToDate.getTime() - time.getTime();
  return left < Number(parseDuration(startWhenLessThan) / 1_000_000n);
}

/** Runs the command with this process's arguments, and sets its exit code. */
export async function main(): Promise<void> {
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  process.once("SIGTERM", () => interrupt.abort());
  const program = new Command("rotate")
    .description(
      "Rotates the trust anchor of a stack, a step at a time. No pod has to be restarted for it: the older generation vouches for the new one until every pod has been restarted for whatever reason.",
    )
    .helpCommand(false)
    .addHelpText(
      "after",
      "\nExit code: 0 if it is done, or has to wait (plan, run); 1 if a step has to wait, which is then not taken; 2 otherwise.",
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
      .exitOverride(exitForUsage)
      .action(async (options: Options) => {
        process.exitCode = exitCodes[await action({ ...options }, interrupt.signal)];
      });
    if (name === "plan") return command;
    return command
      .option("--yes", "do not ask", false)
      .option("--edit", "change the stack's file alone, for a pull request", false);
  };
  const restarting = [
    "--restart",
    "first restart the workloads that were started before the newest generation, a few at a time",
  ] as const;
  add("plan", "say where it stands, what comes next, and what that waits for; changes nothing", plan);
  add("begin", "add the next generation, by which the mesh is signed at once", forward("begin"))
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
    "stop vouching for the new generation; then, take the older one out",
    forward("settle", "retire"),
  ).option(...restarting);
  add("abort", "go back to the older generation", abort);
  add("run", "go as far as the evidence allows, without asking", run).option(
    "--start-when-less-than <duration>",
    "begin by itself when the generation that signs has less life left, such as 17520h",
    parseLifetime,
  );
  try {
    await program.exitOverride(exitForUsage).parseAsync();
  } catch (error) {
    process.stderr.write(
      interrupt.signal.aborted
        ? "Interrupted. The same command goes on from here: npm run -s rotate -- plan says where it stands.\n"
        : `${(error as Error).message}\n`,
    );
    process.exitCode = interrupt.signal.aborted ? exitInterrupted : exitCodes.error;
  }
}

if (import.meta.main) await main();
