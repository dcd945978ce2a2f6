/**
 * The workflows of a project that the template makes, run as GitHub and GitLab run them: the comment on a pull request, of
 * a stack that is new, changed, unchanged, or on a cluster that cannot be reached; the merge; drift; and a rotation
 * (docs/unattended-rotation.md).
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { parse, stringify } from "yaml";
import { sandboxPaths } from "../../sandbox/directories.ts";
import {
  kubectl,
  projectDirectory,
  removeSandbox,
  environment as sandbox,
  sandboxName,
  startSandbox,
  temporaryFolder,
} from "../stack.ts";
import { runWorkflow } from "../template/github.ts";
import { runPipeline } from "../template/gitlab.ts";
import { type Hosting, startHosting, token } from "../template/hosting.ts";

const folder = temporaryFolder();
const repository = join(folder, "mesh");
const plugins = join(sandboxPaths(sandboxName).pulumiHome, "plugins");
/** That its cluster is not there is what makes its stack different. */
const unreachable = "unreachable";

const environment: NodeJS.ProcessEnv = {
  ...sandbox,
  PATH: [join(folder, "bin"), sandbox.PATH].join(delimiter),
  KUBECONFIG: join(folder, "kubeconfig"),
  PULUMI_HOME: join(folder, "pulumi"),
  PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
  PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
  PULUMI_OPTION_CWD: undefined,
  npm_config_prefer_offline: "true",
  npm_config_ignore_scripts: "true",
};

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, {
    cwd: repository,
    env: environment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  }).trim();
const git = (...args: string[]) => run("git", ...args);
const write = (file: string, text: string) => writeFileSync(join(repository, file), text);
const read = (file: string) => readFileSync(join(repository, file), "utf8");

/** Commits everything that is there, and gives the commit. */
function commit(message: string): string {
  git("add", "--all");
  git("commit", "--quiet", "--message", message);
  return git("rev-parse", "HEAD");
}

/** Makes a pull request of what `change` does to the branch main, and gives the merge that GitHub would check out. */
function pullRequest(change: () => void): string {
  git("checkout", "--quiet", "-B", "change", "main");
  change();
  commit("Change");
  git("checkout", "--quiet", "-B", "merge", "main");
  git("merge", "--quiet", "--no-ff", "--no-edit", "change");
  return git("rev-parse", "HEAD");
}

/** Merges what is in a pull request. */
function merge(merged: string): { readonly before: string } {
  git("checkout", "--quiet", "main");
  const before = git("rev-parse", "HEAD");
  git("merge", "--quiet", "--ff-only", merged);
  return { before };
}

let hosting: Hosting;

const secrets = { PULUMI_CONFIG_PASSPHRASE: "a passphrase" };
const github = (name: string, event: object) => ({
  github: { repository: "company/mesh", event_name: name, token, event },
  vars: {},
  secrets,
});
const pull = { pull_request: { number: 1, head: { repo: { full_name: "company/mesh" } } } };
const preview = (merged: string) =>
  runWorkflow(repository, merged, "preview.yaml", github("pull_request", pull), {
    ...environment,
    GH_API: hosting.url,
  });

/** The bot's comments on a stack. */
const commentsOn = (stack: string) =>
  hosting.comments.filter(({ body, isBots }) => isBots && body.includes(`review: ${stack} -->`));

/** The one comment on a stack. */
function commentOn(stack: string): string {
  const [comment, ...more] = commentsOn(stack);
  assert.deepEqual(more, [], stack);
  return comment!.body;
}

/** Writes a new stack's file, with the sandbox's charts. */
function writeStack(stack: string, kind: string, context: string): void {
  const newStack = ["linkerd-rotating-tls", "new-stack", stack, "--environment", kind, "--context", context];
  run("npx", "--no-install", ...newStack);
  const charts = {
    certManagerChart: "cert-manager",
    linkerdCrdsChart: "linkerd-crds",
    linkerdControlPlaneChart: "linkerd-control-plane",
  };
  const settings = Object.entries(charts).map(([key, chart]) => {
    const [archive] = globSync(`charts/${chart}-[0-9v]*.tgz`, { cwd: repository });
    return `  mesh:${key}: ./${archive}\n`;
  });
  const file = `Pulumi.${stack}.yaml`;
  write(file, `${read(file).trimEnd()}\n${settings.join("")}`);
}

before(async () => {
  await startSandbox("workflows");
  for (const made of ["bin", "state", "pulumi"]) mkdirSync(join(folder, made));
  symlinkSync(plugins, join(folder, "pulumi/plugins"));
  writeFileSync(
    join(folder, "bin/gh"),
    `#!/bin/sh\nexec ${process.execPath} ${join(projectDirectory, "test/template/gh.ts")} "$@"\n`,
  );
  chmodSync(join(folder, "bin/gh"), 0o755);
  const kubeconfig = parse(readFileSync(sandbox.KUBECONFIG!, "utf8"));
  const [{ context }] = kubeconfig.contexts;
  kubeconfig.clusters.push({ name: unreachable, cluster: { server: "https://127.0.0.1:1" } });
  kubeconfig.contexts.push({ name: unreachable, context: { ...context, cluster: unreachable } });
  writeFileSync(environment.KUBECONFIG!, stringify(kubeconfig));

  // Packed from a copy: the clone's own dist/ may be another test's.
  const copy = join(folder, "package");
  for (const room of ["components", "docs", "infra", "mesh", "operations", "rules", "template"]) {
    cpSync(join(projectDirectory, room), join(copy, room), { recursive: true });
  }
  for (const file of ["package.json", "tsconfig.json", "tsconfig.package.json", "README.md"]) {
    copyFileSync(join(projectDirectory, file), join(copy, file));
  }
  symlinkSync(join(projectDirectory, "node_modules"), join(copy, "node_modules"));
  const template = join(copy, "template");
  for (const archive of globSync("*.tgz", { cwd: template })) rmSync(join(template, archive));
  mkdirSync(repository);
  const inCopy = {
    cwd: copy,
    env: environment,
    stdio: ["ignore", "ignore", "inherit"] as ["ignore", "ignore", "inherit"],
  };
  execFileSync("npm", ["run", "-s", "prepare"], inCopy);
  execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", template], inCopy);
  run("pulumi", "new", template, "--generate-only", "--yes", "--name", "mesh", "--description", "A mesh");
  run("npm", "install", "--no-audit", "--no-fund");
  mkdirSync(join(repository, "charts"));
  for (const archive of globSync(join(sandboxPaths(sandboxName).charts, "**/*.tgz"))) {
    cpSync(archive, join(repository, "charts", archive.split("/").at(-1)!), { dereference: true });
  }
  git("init", "--quiet", "--initial-branch", "main");
  git("config", "user.name", "A person");
  git("config", "user.email", "person@example.com");
  hosting = await startHosting();
});
after(async () => {
  hosting?.close();
  await removeSandbox();
});

test("a pull request with a new stack gets a comment that says what would be made", async () => {
  commit("A project without a stack");
  const merged = pullRequest(() => writeStack("dev", "development", `linkerd-sandbox-${sandboxName}`));
  // Somebody wants to be taken for the comment.
  hosting.write("Look: <!-- linkerd-rotating-tls review: dev -->", false);
  const [run, ...more] = await preview(merged);
  assert.deepEqual(more, []);
  assert.equal(run!.name, "dev");
  assert.ok(run!.succeeded, run!.log);
  assert.equal(run!.summary, commentOn("dev"));

  const event = merge(merged);
  const [applied] = await runWorkflow(repository, merged, "apply.yaml", github("push", event), environment);
  assert.ok(applied!.succeeded, applied!.log);
  await kubectl("get", "--namespace=linkerd", "deployment/linkerd-identity");
});

/** A pull request that is not merged. */
let changeAndNew: string;

test("one that changes a stack and adds one whose cluster cannot be reached gets a comment on each", async () => {
  const merged = pullRequest(() => {
    write("Pulumi.dev.yaml", read("Pulumi.dev.yaml").replace("issuerDuration: 48h", "issuerDuration: 72h"));
    writeStack("qa", "staging", unreachable);
  });
  changeAndNew = merged;
  const runs = await preview(merged);
  assert.deepEqual(
    runs.map(({ name, succeeded }) => [name, succeeded]),
    [
      ["dev", true],
      ["qa", true],
    ],
    runs.map(({ log }) => log).join("\n"),
  );
  assert.match(commentOn("dev"), /72h/);
  assert.match(commentOn("qa"), /Not seen from here/);

  // The same for a merge request, on which the bot has said something of dev before.
  hosting.comments.length = 0;
  hosting.write("Before\n<!-- linkerd-rotating-tls review: dev -->", true);
  const variables = {
    ...environment,
    ...secrets,
    GITLAB_TOKEN: token,
    CI_API_V4_URL: `${hosting.url}/api/v4`,
    CI_PROJECT_ID: "1",
    CI_MERGE_REQUEST_IID: "1",
    CI_MERGE_REQUEST_DIFF_BASE_SHA: git("merge-base", "main", merged),
  };
  const jobs = await runPipeline(repository, merged, "preview", plugins, variables);
  assert.deepEqual(
    jobs.map(({ name, succeeded }) => [name, succeeded]),
    [
      ["preview dev", true],
      ["preview qa", true],
    ],
    jobs.map(({ log }) => log).join("\n"),
  );
  assert.match(commentOn("dev"), /72h/);
  assert.match(commentOn("qa"), /Not seen from here/);
});

test("a change to something else is of every stack, and updates the comment where it stands", async () => {
  const place = hosting.comments.findIndex(({ body }) => body === commentOn("dev"));
  const merged = pullRequest(() => write("README.md", "A mesh.\n"));
  const [run, ...more] = await preview(merged);
  assert.deepEqual(more, []);
  assert.ok(run!.succeeded, run!.log);
  assert.equal(hosting.comments[place]!.body, commentOn("dev"));
  assert.match(commentOn("dev"), /^### `dev`: nothing changes/);
});

test("one that is refused fails the job, and the comment says why", async () => {
  const merged = pullRequest(() =>
    write(
      "Pulumi.dev.yaml",
      read("Pulumi.dev.yaml").replace("issuerDuration: 48h", "issuerDuration: banana"),
    ),
  );
  const [run, ...more] = await preview(merged);
  assert.deepEqual(more, []);
  assert.ok(!run!.succeeded, run!.log);
  assert.match(commentOn("dev"), /issuerDuration: .*banana/);
});

test("drift is none of what was applied, and an error of what was not, or cannot be reached", async () => {
  const drift = (commit: string) =>
    runWorkflow(repository, commit, "drift.yaml", github("schedule", {}), environment);
  const [sound, ...more] = await drift(git("rev-parse", "main"));
  assert.deepEqual(more, []);
  assert.ok(sound!.succeeded, sound!.log);
  assert.match(sound!.summary, /identity issuer/i);

  const [changed, unseen] = await drift(changeAndNew);
  assert.ok(!changed!.succeeded);
  assert.match(changed!.log, /no changes were expected(?: for \w+)? but changes were proposed/);
  assert.match(changed!.summary, /identity issuer/i, "the credentials are looked at all the same");
  assert.ok(!unseen!.succeeded);
  assert.match(unseen!.log, /https:\/\/127\.0\.0\.1:1 cannot be reached/);
});

test("GitLab applies and looks for drift in the same way", async () => {
  const head = git("rev-parse", "main");
  for (const task of ["apply", "drift"] as const) {
    const variables = { ...environment, ...secrets, CI_COMMIT_BEFORE_SHA: `${head}^` };
    const [job, ...more] = await runPipeline(repository, head, task, plugins, variables);
    assert.deepEqual(more, []);
    assert.equal(job!.name, `${task} dev`);
    assert.ok(job!.succeeded, job!.log);
  }
});

test("a rotation is not begun before its time, then goes as far as it may, and its edits are committed", async () => {
  const hostingFolder = join(folder, "hosting");
  const remote = join(hostingFolder, "company/mesh.git");
  git("clone", "--quiet", "--bare", "--branch", "main", ".", remote);
  const inRemote = (...args: string[]) => git("--git-dir", remote, ...args);
  inRemote("config", "receive.advertisePushOptions", "true");
  const head = () => inRemote("rev-parse", "main");
  const begin = head();

  const rotate = async (life?: string) => {
    const { github: context, ...contexts } = github("schedule", {});
    const known = {
      ...contexts,
      github: { ...context, ref_name: "main", server_url: `file://${hostingFolder}` },
      vars: life === undefined ? {} : { ROTATE_START_WHEN_LESS_THAN: life },
    };
    const [run, ...more] = await runWorkflow(remote, head(), "rotate.yaml", known, environment);
    assert.deepEqual(more, []);
    assert.ok(run!.succeeded, run!.log);
    return run!;
  };
  assert.match((await rotate()).summary, /no rotation is under way/);
  assert.equal(head(), begin);

  const { summary } = await rotate("87601h");
  assert.match(summary, /^Stack dev: generation 2 signs/m);
  assert.equal(inRemote("show", "--no-patch", "--format=%s", "main"), "Rotate the trust anchor of dev");
  assert.equal(inRemote("show", "--name-only", "--format=", "main"), "Pulumi.dev.yaml");
  const { config } = parse(inRemote("show", "main:Pulumi.dev.yaml"));
  assert.deepEqual(config["mesh:trustAnchorGenerations"], [1, 2]);

  // GitLab goes on from there, by the file alone.
  const variables = {
    ...environment,
    ...secrets,
    CI_COMMIT_BRANCH: "main",
    CI_PROJECT_URL: `file://${hostingFolder}/company/mesh`,
    CI_SERVER_HOST: "example.com",
    ROTATE_TOKEN: token,
  };
  const [job, ...more] = await runPipeline(remote, head(), "rotate", plugins, variables);
  assert.deepEqual(more, []);
  assert.equal(job!.name, "rotate dev");
  assert.ok(job!.succeeded, job!.log);
  assert.match(job!.log, /^Stack dev: generation 2 signs/m);
});
