/** Runs a pipeline as GitLab would: the job that finds the stacks, and then the pipeline that it has made. */
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { clone, runScript } from "./clone.ts";

interface Job {
  readonly extends?: string;
  readonly variables?: Readonly<Record<string, string | number>>;
  readonly before_script?: readonly string[];
  readonly script?: readonly string[];
}

interface Pipeline {
  readonly workflow: { readonly rules: readonly { readonly variables: Readonly<Record<string, string>> }[] };
  readonly stacks: Job;
}

export interface JobRun {
  readonly name: string;
  readonly succeeded: boolean;
  readonly log: string;
}

const readPipeline = (folder: string) =>
  parse(readFileSync(join(folder, ".gitlab-ci.yml"), "utf8")) as Pipeline;

/** With the values of variables in place of their names, as GitLab does it. */
function expanded(variables: Job["variables"] = {}, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const known = { ...environment };
  for (const [name, value] of Object.entries(variables)) {
    known[name] = String(value).replaceAll(/\$(\w+)/g, (_, other) => known[other] ?? "");
  }
  return known;
}

const withBase = (job: Job, hidden: Readonly<Record<string, Job>>): Job => {
  if (job.extends === undefined) return job;
  const base = withBase(hidden[job.extends]!, hidden);
  return { ...base, ...job, variables: { ...base.variables, ...job.variables } };
};

const run = async (
  { before_script = [], script = [] }: Job,
  folder: string,
  environment: NodeJS.ProcessEnv,
) => runScript([...before_script, ...script].join("\n"), { folder, environment });

type Task = "preview" | "apply" | "drift" | "rotate";

/** Runs the pipeline that something has started, up to the one that it makes, and gives the jobs of that. */
export async function pipelineOf(
  repository: string,
  commit: string,
  task: Task,
  variables: NodeJS.ProcessEnv,
): Promise<{ jobs: Readonly<Record<string, Job>>; environment: NodeJS.ProcessEnv }> {
  const folder = clone(repository, commit);
  const { workflow, stacks } = readPipeline(folder);
  const rule = workflow.rules.find((one) => one.variables.TASK === task)!;
  const environment = expanded(rule.variables, { ...variables, CI: "true", GITLAB_CI: "true" });
  const { code, log } = await run(stacks, folder, expanded(stacks.variables, environment));
  if (code !== 0) throw new Error(log);
  const { include, ...jobs } = parse(readFileSync(join(folder, "stacks.yml"), "utf8"));
  const hidden = parse(readFileSync(join(folder, include.local), "utf8")) as Record<string, Job>;
  const given = Object.entries(jobs as Record<string, Job>);
  return { jobs: Object.fromEntries(given.map(([name, job]) => [name, withBase(job, hidden)])), environment };
}

/** @param plugins the folder of Pulumi's plugins, in the cache of an earlier pipeline. */
export async function runPipeline(
  repository: string,
  commit: string,
  task: Task,
  plugins: string,
  variables: NodeJS.ProcessEnv,
): Promise<readonly JobRun[]> {
  const { jobs, environment } = await pipelineOf(repository, commit, task, variables);
  const runs: JobRun[] = [];
  for (const [name, job] of Object.entries(jobs)) {
    const folder = clone(repository, commit);
    mkdirSync(join(folder, ".pulumi"));
    symlinkSync(plugins, join(folder, ".pulumi/plugins"));
    const own = expanded(job.variables, { ...environment, CI_PROJECT_DIR: folder });
    const { code, log } = await run(job, folder, own);
    runs.push({ name, succeeded: code === 0, log });
  }
  return runs;
}
