/** What each command of a rotation does. */
import { setTimeout } from "node:timers/promises";
import { withKeys } from "../../infra/config.ts";
import { readEvidence, type Seen } from "../../mesh/rotationEvidence.ts";
import { countOf } from "../../rules/count.ts";
import { durationMilliseconds } from "../../rules/lifetimes/duration.ts";
import { gatesOf, isThrough } from "../../rules/rotation/gates.ts";
import { describeStage } from "../../rules/rotation/stage.ts";
import {
  distrust,
  type Edit,
  editOf,
  isOthers,
  type NextAnchor,
  nextStep,
  type Step,
  type StepName,
  stepBack,
} from "../../rules/rotation/steps.ts";
import { confirm, Refused } from "../confirm.ts";
import type { exitCodes } from "../exitCodes.ts";
import { readProject, stackFileOf } from "../project.ts";
import { restartAll, restartsFor } from "../restart.ts";
import { runUpdate } from "../update.ts";
import { awaitProof, writeEdit } from "./apply.ts";
import { afterReturn, describeDistrust, requireReturn, updateOptions } from "./distrust.ts";
import { commands, describePlan, mayTake, type Plan, planJson, planOf } from "./plan.ts";
import { mayLackKey, readRotation, type Stack, type StackOptions } from "./stack.ts";
import { describeEdit } from "./stackEdit.ts";
import { reasonToRecall, watchRenewals } from "./undo.ts";

export interface Options extends StackOptions {
  readonly yes: boolean;
  readonly edit: boolean;
  readonly restart?: boolean;
  readonly distrust?: boolean;
  readonly json: boolean;
  readonly startWhenLessThan?: string;
  readonly certificateFile?: string;
  readonly privateKeyFile?: string;
  readonly crossCertificateFile?: string;
}

type Verdict = keyof typeof exitCodes;
export type Action = (options: Options, signal: AbortSignal) => Promise<Verdict>;

/** Options to give where there is no terminal to ask on. */
const consents = "--yes, or --edit";

const report = (line: string) => void process.stderr.write(`${line}\n`);

/** Where the rotation is, and what a step waits for: by default, the next one. */
async function look(stack: Stack, step: Step = nextStep(stack.stage)): Promise<Plan> {
  const { stage, planned, demands, mesh, others } = stack;
  const asksProxies = (step.name === "retire" && stage.name === "alone") || step.name === "drop";
  const seen = await readEvidence(mesh, planned, asksProxies, others);
  return planOf(stack, seen, step, gatesOf(step.name, stage, seen, demands));
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
  if (!options.yes && !options.edit)
    await confirm(`Change stack ${stack.name}, and run pulumi up?`, consents);
  writeEdit(project, stack.name, edit);
  if (options.edit) {
    report(`${stackFileOf(project, stack.name)} is changed. It takes effect with pulumi up.`);
    return;
  }
  await update(stack, edit.distrusted ?? [], options, signal);
}

/** Has the cluster become what the stack says now, by which these generations are distrusted, and waits for the proof. */
async function update(stack: Stack, distrusted: readonly number[], options: Options, signal: AbortSignal) {
  await runUpdate(stack.name, updateOptions(distrusted, stack.settings));
  const { mesh, planned, demands } = await readRotation({ ...options, stack: stack.name }, signal);
  await awaitProof(mesh, planned, demands, report);
}

function print(seen: Plan, { json }: Options): void {
  console.log(json ? planJson(seen) : describePlan(seen));
}

export const plan: Action = async (options, signal) => {
  print(await look(await readRotation(options, signal)), options);
  return "ok";
};

/** One of the steps forward, if its gates are open. */
export const forward =
  (...names: readonly [StepName, ...StepName[]]): Action =>
  async (options, signal) => {
    const stack = await readRotation(options, signal);
    const isDistrusted = stack.stage.name === "distrusted";
    const before = await look(stack);
    if (before.seen.pending.length > 0 && !options.edit) {
      await goOn(stack, before.seen.pending, options, signal);
      return isDistrusted ? forward(...names)(options, signal) : done(options, signal);
    }
    const { name } = nextStep(stack.stage);
    if (name === "retire" && names.some((one) => isOthers(one, stack.stage))) {
      // Whoever signs has taken the step, and what is left is the proof.
      await awaitProof(stack.mesh, stack.planned, stack.demands, report);
      return done(options, signal);
    }
    if (!names.includes(name)) {
      throw new Refused(
        `There is nothing to ${commands[names[0]]}: ${describeStage(stack.stage)}. What comes next, and what it waits for: npm run -s rotate -- plan`,
      );
    }
    const restarts = (options.restart || isDistrusted) && !options.edit;
    if (restarts) await restartHolders(stack, options);
    const seen = restarts ? await look(stack) : before;
    if (await isRecalled(stack, seen, options, signal)) return "warning";
    if (!mayTake(seen)) {
      print(seen, options);
      return "warning";
    }
    if (seen.lacksNext && options.certificateFile === undefined) throw new Refused(nextIsTheirs(stack));
    const edit = editOf(seen.next.name, stack.stage, stack.settings, nextAnchor(options));
    await take(stack, edit, seen.next.does, options, signal);
    if (seen.next.name === "settle" && !options.edit) return watch(options, signal);
    return done(options, signal);
  };

/** Goes on where a command was killed after it had changed the stack's file. */
async function goOn(
  stack: Stack,
  pending: readonly string[],
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  report(`The cluster is not yet as stack ${stack.name} says: ${pending.join("; ")}.`);
  if (!options.yes) await confirm("Run pulumi up?", consents);
  await update(stack, stack.stage.distrusted, options, signal);
}

/** Watches, after the older generation has stopped vouching, and has it vouch again if a proxy needs that. */
async function watch(options: Options, signal: AbortSignal): Promise<Verdict> {
  const stack = await readRotation(options, signal);
  const isFailing = (seen: Plan) => reasonToRecall(stack, seen) !== undefined;
  const last = await watchRenewals(stack, () => look(stack), isFailing, report);
  if (await isRecalled(stack, last, options, signal)) return "warning";
  print(last, options);
  return "ok";
}

/** Has the older generation vouch again if a proxy needs that, and says which does. */
async function isRecalled(stack: Stack, seen: Plan, options: Options, signal: AbortSignal): Promise<boolean> {
  const reason = reasonToRecall(stack, seen);
  if (reason === undefined) return false;
  report(reason.join("\n"));
  // Said in as many words, so that no scheduler stops it again.
  const edit = { crossSign: true };
  await take(stack, edit, "let the older generation vouch again", { ...options, yes: true }, signal);
  await done(options, signal);
  return true;
}

/** Has every pod take the newest generation, where that is trusted already. */
async function restartHolders({ mesh, planned, stage }: Stack, options: Options): Promise<void> {
  const newest = stage.generations.at(-1)!;
  const alone = stage.name === "distrusted";
  const find = async () => {
    const seen = await readEvidence(mesh, planned, false);
    if (!seen.roots.has(newest) || stage.name === "idle") return undefined;
    return restartsFor(seen.held, (anchors) => isThrough(anchors, newest, seen, alone));
  };
  const restarts = await find();
  if (restarts === undefined) return;
  const count = restarts.workloads.length;
  if (count > 0) {
    report(
      `To restart ${countOf(count, "workload")} whose pods were ${alone ? `not started with generation ${newest} alone` : `started before generation ${newest}`}.`,
    );
    if (!options.yes) await confirm("Restart them?", consents);
  }
  await restartAll(mesh, restarts, report);
  if (count > 0) await ended(async () => (await find())?.workloads.length === 0, mesh.signal);
}

const pollMilliseconds = 2000;
/** A pod that has been replaced has half a minute to end, by default (spec.terminationGracePeriodSeconds). */
const endingMilliseconds = 45_000;

/** Waits until the pods that were replaced are gone; what is left then, the gates tell of. */
async function ended(areGone: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const end = performance.now() + endingMilliseconds;
  while (!(await areGone()) && performance.now() < end) {
    await setTimeout(pollMilliseconds, undefined, { signal });
  }
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

/** Why there is no rotation without an anchor of someone else's. */
const nextIsTheirs = ({ stage }: Stack) =>
  `Generation ${stage.signing} was given, and someone else signs with it (${withKeys(stage.elsewhere!)}): the next one is theirs, too. Give its certificate: npm run -s rotate -- begin --certificate-file <pem>`;

/** Says how it stands after a step. */
async function done(options: Options, signal: AbortSignal): Promise<Verdict> {
  return options.edit ? "ok" : plan(options, signal);
}

/** Begins a rotation: the older generation vouches for the next one, or is distrusted. */
export const begin: Action = async (options, signal) => {
  if (!options.distrust) return forward("begin")(options, signal);
  const stack = await readRotation(options, signal, mayLackKey);
  const { stage, settings, demands, mesh, planned } = stack;
  if (stage.elsewhere !== undefined) {
    throw new Refused(
      `Someone else signs (${withKeys(stage.elsewhere)}), and goes on with the key of generation ${stage.signing} whatever this stack trusts: --distrust would cut off every pod. Without it: npm run -s rotate -- begin, and activate --restart, which says when they can sign with the next one.`,
    );
  }
  if (stage.name === "distrusted") return forward("retire")(options, signal);
  const edit = editOf(distrust.name, stage, settings, nextAnchor(options));
  const seen = await readEvidence(mesh, planned, false);
  report(describeDistrust(stage, edit, settings, seen, mesh.namespace, demands));
  if (!options.yes && !options.edit) {
    await confirm(`Change stack ${stack.name}, run pulumi up, and restart all of these?`, consents);
  }
  const confirmed = { ...options, yes: true };
  await take(stack, edit, distrust.does, confirmed, signal);
  return options.edit ? "ok" : forward("retire")(confirmed, signal);
};

/** Back to where the rotation began, a step at a time; each is safe by itself. */
export const abort: Action = async (options, signal) => {
  for (;;) {
    const stack = await readRotation(options, signal);
    const back = stepBack(stack.stage, stack.settings);
    if (back === undefined) return done(options, signal);
    const isDistrusted = stack.stage.name === "distrusted";
    if (isDistrusted) requireReturn(stack);
    const waiting = await look(stack, back);
    if (waiting.gates.some((gate) => !gate.isOpen) || waiting.handover !== undefined) {
      print(waiting, options);
      return "warning";
    }
    await take(stack, waiting.edit, back.does, options, signal);
    if (isDistrusted) report(afterReturn);
    if (options.edit) return "ok";
  }
};

/** As far as the gates allow; a scheduler calls it again and again. */
export const run: Action = async (options, signal) => {
  for (;;) {
    const stack = await readRotation(options, signal);
    const confirmed = { ...options, yes: true };
    const before = await look(stack);
    if (before.seen.pending.length > 0) {
      await goOn(stack, before.seen.pending, confirmed, signal);
      continue;
    }
    if (await isRecalled(stack, before, confirmed, signal)) return "warning";
    if (stack.stage.name === "distrusted" && !options.edit) await restartHolders(stack, confirmed);
    const seen = stack.stage.name === "distrusted" ? await look(stack) : before;
    const isHeld = seen.next.name === "settle" && stack.isHeld;
    if (isHeld || !mayTake(seen) || (seen.next.name === "begin" && !isDue(stack, seen.seen, options))) {
      print(seen, options);
      return isHeld ? "warning" : "ok";
    }
    if (seen.lacksNext) throw new Refused(nextIsTheirs(stack));
    await take(stack, seen.edit, seen.next.does, confirmed, signal);
    if (options.edit) return "ok";
  }
};

/** Whether a rotation is to begin by itself. */
function isDue({ stage }: Stack, { roots, time }: Seen, { startWhenLessThan }: Options): boolean {
  const root = roots.get(stage.signing);
  if (startWhenLessThan === undefined || root === undefined) return false;
  const left = root.x509.validToDate.getTime() - time.getTime();
  return left < durationMilliseconds(startWhenLessThan);
}
