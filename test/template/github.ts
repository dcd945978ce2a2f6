/**
 * Runs a workflow as GitHub would: jobs in their order, each in a clone of its own, expressions, conditions, a matrix, the
 * project's own reusable workflows and actions. Actions of others are left out: what they do is not this project's.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { parse } from "yaml";
import { type Job as Clone, clone, runScript } from "./clone.ts";

interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, string>>;
}

interface Job {
  readonly name?: string;
  readonly needs?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly stack: string } };
  readonly outputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** What expressions are about, such as `github` and `secrets`. */
type Contexts = Readonly<Record<string, unknown>>;

/** One job of a run, or one value of its matrix. */
export interface JobRun {
  /** Such as `dev`. */
  readonly name: string;
  readonly succeeded: boolean;
  /** What its steps wrote to their outputs, one after another. */
  readonly log: string;
  readonly summary: string;
}

const readWorkflow = (folder: string, file: string) =>
  parse(readFileSync(join(folder, ".github/workflows", file), "utf8")) as Workflow;

const evaluate = (expression: string, contexts: Contexts) =>
  runInNewContext(expression.replace(/^\$\{\{|\}\}$/g, ""), {
    fromJSON: JSON.parse,
    toJSON: JSON.stringify,
    ...contexts,
  });

function filledIn<Texts extends Readonly<Record<string, string>>>(
  texts: Texts | undefined,
  contexts: Contexts,
) {
  const fill = (text: string) =>
    String(text).replaceAll(/\$\{\{.*?\}\}/g, (found) => String(evaluate(found, contexts) ?? ""));
  return Object.fromEntries(Object.entries(texts ?? {}).map(([name, text]) => [name, fill(text)]));
}

/** Without a question after the state of the job, it is one of success as well. */
const isWanted = (condition: string | undefined, succeeded: boolean, contexts: Contexts): boolean =>
  Boolean(
    evaluate(
      condition === undefined || !/\b(?:success|failure|cancelled|always)\(/.test(condition)
        ? `success() && (${(condition ?? "true").replace(/^\$\{\{|\}\}$/g, "")})`
        : condition,
      { ...contexts, success: () => succeeded, cancelled: () => false, always: () => true },
    ),
  );

/** @param commit what is checked out: of a pull request, its merge into the base. */
export async function runWorkflow(
  repository: string,
  commit: string,
  file: string,
  contexts: Contexts,
  environment: NodeJS.ProcessEnv,
): Promise<readonly JobRun[]> {
  const folder = clone(repository, commit);
  const needs: Record<string, { readonly outputs: Readonly<Record<string, string>> }> = {};
  const runs: JobRun[] = [];
  for (const [id, job] of Object.entries(readWorkflow(folder, file).jobs)) {
    const known = { ...contexts, needs };
    // What needs a job that was skipped is skipped as well.
    if (job.needs !== undefined && !(job.needs in needs)) continue;
    if (!isWanted(job.if, true, known)) continue;
    if (job.uses !== undefined) {
      const called = job.uses.replace("./.github/workflows/", "");
      needs[id] = {
        outputs: await callWorkflow(repository, commit, called, filledIn(job.with, known), environment),
      };
      continue;
    }
    const values = evaluate(job.strategy!.matrix.stack, known) as string[];
    for (const stack of values) {
      const mine = { ...known, matrix: { stack } };
      runs.push((await runJob(repository, commit, job, mine, environment)).run);
    }
  }
  return runs;
}

/** Runs one that others call, and gives its outputs. */
export async function callWorkflow(
  repository: string,
  commit: string,
  file: string,
  given: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
): Promise<Readonly<Record<string, string>>> {
  const { on, jobs } = readWorkflow(clone(repository, commit), file);
  const { inputs, outputs } = on.workflow_call as {
    inputs: Record<string, { default: string }>;
    outputs: Record<string, { value: string }>;
  };
  const defaults = Object.entries(inputs).map(([name, input]) => [name, input.default]);
  const contexts = { inputs: { ...Object.fromEntries(defaults), ...given } };
  const results: Record<string, { outputs: Readonly<Record<string, string>> }> = {};
  for (const [id, job] of Object.entries(jobs)) {
    const { run, outputs: made } = await runJob(repository, commit, job, contexts, environment);
    if (!run.succeeded) throw new Error(`${file}: ${run.log}`);
    results[id] = { outputs: made };
  }
  const texts = Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
  return filledIn(texts, { jobs: results });
}

async function runJob(
  repository: string,
  commit: string,
  job: Job,
  contexts: Contexts,
  environment: NodeJS.ProcessEnv,
): Promise<{ run: JobRun; outputs: Readonly<Record<string, string>> }> {
  const folder = clone(repository, commit);
  const state = {
    folder,
    environment: { ...environment, ...filledIn(job.env, contexts), CI: "true", GITHUB_ACTIONS: "true" },
    files: mkdtempSync(`${folder}-`),
  };
  const { succeeded, log, steps } = await runSteps(job.steps!, contexts, state);
  return {
    outputs: filledIn(job.outputs, { ...contexts, steps }),
    run: {
      name: filledIn({ name: job.name ?? "" }, contexts).name!,
      succeeded,
      log,
      summary: readFileSync(join(state.files, "summary"), { encoding: "utf8", flag: "a+" }),
    },
  };
}

interface StepResult {
  readonly outcome: "success" | "failure" | "skipped";
  readonly outputs: Readonly<Record<string, string>>;
}

async function runSteps(steps: readonly Step[], contexts: Contexts, job: Clone & { readonly files: string }) {
  const results: Record<string, StepResult> = {};
  let succeeded = true;
  let log = "";
  for (const [place, step] of steps.entries()) {
    const known = { ...contexts, steps: results };
    let result: StepResult = { outcome: "skipped", outputs: {} };
    if (isWanted(step.if, succeeded, known)) {
      const ran = await runStep(step, known, job);
      log += ran.log;
      succeeded &&= ran.result.outcome === "success";
      result = ran.result;
    }
    results[step.id ?? String(place)] = result;
  }
  return { succeeded, log, steps: results };
}

async function runStep(
  step: Step,
  contexts: Contexts,
  job: Clone & { readonly files: string },
): Promise<{ result: StepResult; log: string }> {
  if (step.uses?.startsWith("./")) {
    const action = parse(readFileSync(join(job.folder, step.uses, "action.yaml"), "utf8"));
    const inputs = filledIn(step.with, contexts);
    const { succeeded, log } = await runSteps(action.runs.steps, { inputs }, job);
    return { result: { outcome: succeeded ? "success" : "failure", outputs: {} }, log };
  }
  if (step.run === undefined) return { result: { outcome: "success", outputs: {} }, log: "" };
  const output = join(job.files, "output");
  writeFileSync(output, "");
  const { code, log } = await runScript(step.run, {
    folder: job.folder,
    environment: {
      ...job.environment,
      ...filledIn(step.env, contexts),
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: join(job.files, "summary"),
    },
  });
  const outputs = Object.fromEntries(
    readFileSync(output, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  return { result: { outcome: code === 0 ? "success" : "failure", outputs }, log };
}
