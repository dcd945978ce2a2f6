/** `npm run test:sandbox`: the life of a sandbox – stopped, killed, beside others, without root, with programs of one's own. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AppsV1Api } from "@kubernetes/client-node";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { down, reset, up } from "../../sandbox/lifecycle.ts";
import { sandboxKubeConfig } from "../../sandbox/machine/cluster.ts";
import { findMachine } from "../../sandbox/machine/machine.ts";
import { processIds, readProcess } from "../../sandbox/processes.ts";
import { until } from "../../sandbox/until.ts";
import { execute, kubectl, removeSandbox, run, sandboxName, startSandbox } from "../stack.ts";

const name = sandboxName;
const quiet = () => {};

before(async () => {
  await startSandbox("linkerd");
  await kubectl("create", "deployment", "web", "--image=example.com/web:1");
  await runsAgain();
});
after(removeSandbox);
after(() => reset("beside", quiet));

const runsAgain = () => kubectl("rollout", "status", "deployment/web", "--timeout=60s");

/** Processes of the host whose command line holds `text`. */
const processes = (text: string) => processIds().filter((pid) => readProcess(pid, "cmdline").includes(text));

test("the user's home stays as it is", async () => {
  const home = mkdtempSync(join(tmpdir(), "home-"));
  const away = `HOME=${home}`;
  await run("env", away, process.execPath, "sandbox/cli.ts", "status", "--name", name);
  await run("env", away, "kubectl", "get", "pods", "--all-namespaces");
  await run("env", away, "helm", "list", "--all-namespaces");
  await execute("env", [away, "linkerd", "check"]);
  await run("env", away, "pulumi", "preview");
  assert.deepEqual(readdirSync(home), []);
  rmSync(home, { recursive: true });
});

test("programs and charts of the user's own take the place of the sandbox's, until an up without them", async () => {
  const folder = sandboxPaths(name).directory;
  const [own, chart] = [join(folder, "own-kubectl"), join(folder, "own.tgz")];
  writeFileSync(own, "#!/bin/sh\necho my own kubectl\n", { mode: 0o700 });
  writeFileSync(chart, "an archive");
  const use = ["--use", `kubectl=${own}`, "--use", `chart:linkerd-crds=${chart}`];
  await run(process.execPath, "sandbox/cli.ts", "up", "--name", name, ...use);
  assert.equal(await kubectl(), "my own kubectl\n");
  const configured = () => readFileSync(sandboxPaths(name).project, "utf8");
  assert.match(configured(), /linkerdCrdsChart:\n.*\n +default: .*charts\/linkerd-crds\/own\.tgz/);
  await run(process.execPath, "sandbox/cli.ts", "up", "--name", name);
  assert.match(await kubectl("version"), /Server Version: v1\.36/);
  assert.doesNotMatch(configured(), /own\.tgz/);
  await runsAgain();
});

test("two sandboxes run side by side, each with its own port and cluster", async () => {
  await up("beside", {}, quiet);
  await ensureStack("beside", quiet);
  const [one, other] = [await findMachine(name), await findMachine("beside")];
  assert.notEqual(one?.port, other?.port);
  const { items } = await sandboxKubeConfig("beside")
    .makeApiClient(AppsV1Api)
    .listDeploymentForAllNamespaces();
  assert.ok(!items.some(({ metadata }) => metadata?.name === "web"));
  await reset("beside", quiet);
  assert.ok(!existsSync(sandboxPaths("beside").directory));
});

test("down ends every process and mount, and a later up continues with the data", async () => {
  await down(name, quiet);
  assert.deepEqual(processes(sandboxPaths(name).directory), []);
  assert.ok(!readFileSync("/proc/self/mounts", "utf8").includes(sandboxPaths(name).directory));
  const down1 = await execute(process.execPath, ["sandbox/cli.ts", "status", "--name", name]);
  assert.equal(down1.code, 3);
  await up(name, {}, quiet);
  await runsAgain();
});

test("a port that another program has taken meanwhile is left to it", async () => {
  const { port } = (await findMachine(name))!;
  await down(name, quiet);
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  try {
    await up(name, {}, quiet);
    assert.notEqual((await findMachine(name))?.port, port);
    await runsAgain();
  } finally {
    other.close();
  }
});

for (const [what, victim] of [
  [
    "the supervisor",
    () =>
      processes(`supervisor.ts\0${sandboxPaths(name).directory}`).filter(
        (pid) => !processes("first-process").includes(pid),
      )[0]!,
  ],
  ["the machine's first process", async () => (await findMachine(name))!.pid],
] as const) {
  test(`after a SIGKILL of ${what} nothing is left running, and the next up repairs it`, async () => {
    process.kill(await victim(), "SIGKILL");
    await until("the machine to end", 20_000, async () => {
      const left = processes(sandboxPaths(name).directory);
      // The first process loses its command line before it is gone.
      const machine = await findMachine(name);
      return (
        (left.length === 0 && machine === undefined) || `processes ${left.concat(machine?.pid ?? [])} run`
      );
    });
    await up(name, {}, quiet);
    await runsAgain();
  });
}

test("it works without root, if users may make namespaces", async (context) => {
  const rootless = ["--user", "--map-user=1000", "--map-group=1000", "--fork", "--kill-child"];
  const possible = await execute("unshare", [...rootless, "true"]);
  if (possible.code !== 0) return context.skip(`this kernel refuses user namespaces: ${possible.stderr}`);
  const script = `
    test "$(id -u)" = 1000 &&
    node sandbox/cli.ts up --name beside && . /dev/stdin <<< "$(node sandbox/cli.ts env --name beside)" &&
    kubectl create deployment web --image=example.com/web:1 &&
    kubectl wait --for=condition=Available --timeout=60s deployment/web; code=$?
    node sandbox/cli.ts reset --name beside; exit $code`;
  const { code, stdout, stderr } = await execute("unshare", [...rootless, "bash", "-c", script]);
  assert.equal(code, 0, stdout + stderr);
});

test("given a bundle that Linkerd cannot parse, npm start fails, and says which container and why", async () => {
  const npm = (command: string) => execute("npm", [command], quiet, { ...process.env, SANDBOX: name });
  const installed = await npm("start");
  assert.equal(installed.code, 0, installed.stdout + installed.stderr);
  const patch = JSON.stringify({ data: { "ca-bundle.crt": "not a certificate\n" } });
  await kubectl("patch", "-n=linkerd", "configmap", "linkerd-identity-trust-roots", "--patch", patch);
  await kubectl("delete", "-n=linkerd", "pod", "--selector=linkerd.io/control-plane-component=identity");
  const { code, stdout, stderr } = await npm("start");
  assert.equal(code, 1, stdout);
  assert.match(stdout, /Container identity of pod linkerd\/linkerd-identity-\S+ is in CrashLoopBackOff/);
  assert.match(stdout, /not a PEM certificate|failed to (read|load).*trust/i);
  assert.match(stderr, /npm start: .*linkerd-identity-/);
  assert.equal((await npm("stop")).code, 0);
});
