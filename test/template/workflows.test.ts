/** What is true of every workflow: what it may do, what it runs of others, and that no text from outside becomes a script. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { parse } from "yaml";
import { ensureToolchain } from "../../sandbox/toolchain/toolchain.ts";
import { pulumiVersion } from "../../sandbox/toolchain/tools.ts";
import { callWorkflow, runWorkflow } from "./github.ts";
import { pipelineOf } from "./gitlab.ts";

const repository = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(repository, file), "utf8");
const workflows = globSync("{.,template}/.github/workflows/*.yaml", { cwd: repository });
const actions = globSync("template/.github/actions/*/action.yaml", { cwd: repository });
const pipelines = ["template/.gitlab-ci.yml", "template/.gitlab/stack.yml"];

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

const stepsOf = (file: string): Step[] => {
  const { jobs = {}, runs } = parse(read(file)) as {
    jobs?: Record<string, { steps?: Step[] }>;
    runs?: { steps: Step[] };
  };
  return [...Object.values(jobs).flatMap(({ steps = [] }) => steps), ...(runs?.steps ?? [])];
};

test("there are workflows to look at", () => {
  assert.equal(workflows.length, 6);
  assert.equal(actions.length, 1);
});

test("actionlint finds nothing in this repository's, nor in those of a project", async () => {
  const { programs } = await ensureToolchain(console.log, ["workflows"]);
  const project = mkdtempSync(join(tmpdir(), "linted-"));
  after(() => rmSync(project, { recursive: true }));
  cpSync(join(repository, "template/.github"), join(project, ".github"), { recursive: true });
  // By this it knows a project's folder.
  mkdirSync(join(project, ".git"));
  for (const cwd of [repository, project]) execFileSync(programs.actionlint!, { cwd, stdio: "inherit" });
});

test("an action of others is pinned to a commit, with its version beside it, and has one pin everywhere", () => {
  const pins = new Map<string, string>();
  for (const file of [...workflows, ...actions]) {
    for (const [line, action, commit] of read(file).matchAll(/uses: (?!\.\/)(.+?)@(.*)$/gm)) {
      assert.match(commit!, /^[0-9a-f]{40} # v\d+\.\d+\.\d+$/, `${file}: ${line}`);
      assert.equal(pins.get(action!) ?? commit, commit, `${file}: ${line}`);
      pins.set(action!, commit!);
    }
  }
  assert.ok(pins.size >= 6);
});

test("a workflow may do nothing, and each of its jobs what it says", () => {
  const allowed: Readonly<Record<string, object>> = {
    ".github/workflows/test.yaml": { test: { contents: "read" } },
    "template/.github/workflows/stacks.yaml": { stacks: { contents: "read" } },
    "template/.github/workflows/preview.yaml": {
      stacks: { contents: "read" },
      preview: { contents: "read", "id-token": "write", "pull-requests": "write" },
    },
    "template/.github/workflows/apply.yaml": {
      stacks: { contents: "read" },
      apply: { contents: "read", "id-token": "write" },
    },
    "template/.github/workflows/drift.yaml": {
      stacks: { contents: "read" },
      drift: { contents: "read", "id-token": "write" },
    },
    "template/.github/workflows/rotate.yaml": {
      stacks: { contents: "read" },
      // It commits the stack's file, which says where the rotation is.
      rotate: { contents: "write", "id-token": "write" },
    },
  };
  for (const file of workflows) {
    const { permissions, jobs } = parse(read(file));
    assert.deepEqual(permissions, {}, file);
    const ofJobs = Object.entries<{ permissions: object }>(jobs).map(([id, job]) => [id, job.permissions]);
    assert.deepEqual(Object.fromEntries(ofJobs), allowed[file], file);
  }
});

test("what is checked out keeps no token, and a script has no text of GitHub's in it", () => {
  for (const file of [...workflows, ...actions]) {
    const text = read(file);
    assert.equal(
      text.match(/persist-credentials: false/g)?.length,
      text.match(/actions\/checkout@/g)?.length,
      file,
    );
    for (const { run } of stepsOf(file)) assert.doesNotMatch(run ?? "", /\$\{\{/, file);
  }
});

test("the Pulumi of every pipeline is the one that this is tested with", () => {
  const version = pulumiVersion.slice(1);
  const named = [...actions, ...pipelines].flatMap((file) =>
    Array.from(read(file).matchAll(/(?:pulumi-version: |pulumi\/pulumi:)([\d.]+)/g), ([, found]) => found),
  );
  assert.deepEqual(named, [version, version, version]);
});

test("this repository's own workflow runs what .ci/run runs", () => {
  const runs = stepsOf(".github/workflows/test.yaml").flatMap(({ run = [] }) => run);
  assert.equal(runs.at(-1), "bash .ci/run");
});

test("a change touches the stacks whose files it changes, or all of them", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "touched-"));
  after(() => rmSync(folder, { recursive: true }));
  const project = join(folder, "project");
  mkdirSync(project);
  for (const part of [".github", ".gitlab", ".gitlab-ci.yml"]) {
    cpSync(join(repository, "template", part), join(project, part), { recursive: true });
  }
  const git = (...args: string[]) => execFileSync("git", args, { cwd: project, encoding: "utf8" }).trim();
  const write = (file: string) => writeFileSync(join(project, file), `${Math.random()}`);
  const commit = () => {
    git("add", "--all");
    git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=A");
    return git("rev-parse", "HEAD");
  };
  git("init", "--quiet");
  for (const file of ["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod-eu.yaml", "README.md"]) write(file);
  mkdirSync(join(project, "docs"));
  write("docs/Pulumi.other.yaml");
  const since = commit();
  const changes: readonly [string, () => void, readonly string[], string?][] = [
    ["one of them", () => write("Pulumi.dev.yaml"), ["dev"]],
    ["a new one", () => write("Pulumi.qa.1_a.yaml"), ["qa.1_a"]],
    [
      "two",
      () => ["dev", "prod-eu"].forEach((stack) => void write(`Pulumi.${stack}.yaml`)),
      ["dev", "prod-eu"],
    ],
    ["the program", () => write("README.md"), ["dev", "prod-eu"]],
    ["the project", () => write("Pulumi.yaml"), ["dev", "prod-eu"]],
    ["one, and the program", () => ["Pulumi.dev.yaml", "README.md"].forEach(write), ["dev", "prod-eu"]],
    ["what only looks like one", () => write("docs/Pulumi.other.yaml"), ["dev", "prod-eu"]],
    ["one that goes", () => rmSync(join(project, "Pulumi.dev.yaml")), ["prod-eu"]],
    [
      "something that goes, and one",
      () => {
        rmSync(join(project, "README.md"));
        write("Pulumi.dev.yaml");
      },
      ["dev", "prod-eu"],
    ],
    ["since a commit that is not there", () => write("Pulumi.dev.yaml"), ["dev", "prod-eu"], "0".repeat(40)],
    ["nothing", () => {}, ["dev", "prod-eu"], "HEAD"],
  ];
  for (const [name, change, stacks, from = since] of changes) {
    await context.test(name, async () => {
      git("checkout", "--quiet", "--detach", since);
      change();
      if (name !== "nothing") commit();
      const head = git("rev-parse", "HEAD");
      const outputs = await callWorkflow(project, head, "stacks.yaml", { since: from }, process.env);
      assert.deepEqual(JSON.parse(outputs.stacks!), stacks);
      const { jobs } = await pipelineOf(project, head, "apply", {
        ...process.env,
        CI_COMMIT_BEFORE_SHA: from,
      });
      assert.deepEqual(
        Object.entries(jobs).map(([job, { variables }]) => [job, variables!.STACK]),
        stacks.map((stack) => [`apply ${stack}`, stack]),
      );
    });
  }
  await context.test("in a fork, none: it gets no token", async () => {
    const head = { repo: { full_name: "somebody/mesh" } };
    const github = { repository: "company/mesh", event: { pull_request: { number: 1, head } } };
    assert.deepEqual(await runWorkflow(project, since, "preview.yaml", { github }, process.env), []);
  });
});
