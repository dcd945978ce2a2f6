/** The sandbox itself: what it says is true, it survives what is done to it, and it keeps to itself. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { AppsV1Api, CoreV1Api, type V1Pod, Watch } from "@kubernetes/client-node";
import { watchContainerFailures } from "../../sandbox/containerFailures.ts";
import { sandboxPaths } from "../../sandbox/directories.ts";
import { up } from "../../sandbox/lifecycle.ts";
import { findMachine } from "../../sandbox/machine/machine.ts";
import { processIds, processStat, readProcess } from "../../sandbox/processes.ts";
import { status } from "../../sandbox/status.ts";
import { until } from "../../sandbox/until.ts";
import { execute, kubeConfig, kubectl, removeSandbox, sandboxName, startSandbox } from "../stack.ts";

const name = sandboxName;
const namespace = "truth";
const labels = { app: "sleeper" };
let core: CoreV1Api;
const quiet = () => {};

before(async () => {
  await startSandbox("kwok", "linkerd");
  core = kubeConfig().makeApiClient(CoreV1Api);
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  // A certificate that is at hand: the process only has to load it.
  const pki = (file: string) => join(sandboxPaths(name).directory, "pki", file);
  await kubectl(
    "create",
    "secret",
    "tls",
    "webhook",
    `--namespace=${namespace}`,
    `--cert=${pki("etcd.crt")}`,
    `--key=${pki("etcd.key")}`,
  );
  // The one image with a program that runs by itself, needs nothing else, and serves a port.
  await kubeConfig()
    .makeApiClient(AppsV1Api)
    .createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name: "sleeper" },
        spec: {
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [
                {
                  name: "sleeper",
                  image: "cr.l5d.io/linkerd/controller:test",
                  args: ["sp-validator", "-log-level=info"],
                  env: [{ name: "WORD", value: "of the pod" }],
                  ports: [{ name: "admin", containerPort: 9997 }],
                  readinessProbe: { httpGet: { path: "/ready", port: "admin" }, periodSeconds: 1 },
                  volumeMounts: [{ name: "tls", mountPath: "/var/run/linkerd/tls" }],
                },
              ],
              volumes: [{ name: "tls", secret: { secretName: "webhook" } }],
            },
          },
        },
      },
    });
});
after(removeSandbox);

async function sleeper(): Promise<V1Pod> {
  const { items } = await core.listNamespacedPod({ namespace, labelSelector: "app=sleeper" });
  return items[0] ?? {};
}

/** Waits until the pod is as `wanted` says; what it gives instead of `true` is part of the message. */
async function sleeperIs(awaited: string, wanted: (pod: V1Pod) => boolean): Promise<V1Pod> {
  let pod: V1Pod = {};
  await until(awaited, 60_000, async () => {
    pod = await sleeper();
    return wanted(pod) || JSON.stringify(pod.status?.containerStatuses);
  });
  return pod;
}

const container = (pod: V1Pod) => pod.status?.containerStatuses?.[0];
const ready = (pod: V1Pod) => container(pod)?.ready === true;

/** Processes of the host whose command line holds `text`. */
const processes = (text: string) => processIds().filter((pid) => readProcess(pid, "cmdline").includes(text));

/** The validator's process, of which there is exactly one below this sandbox's machine. */
async function validator(): Promise<number> {
  const machine = await findMachine(name);
  const isOurs = (pid: number): boolean =>
    pid === machine?.pid || (pid > 1 && isOurs(processStat(pid)?.parent ?? 0));
  const pids = processes("linkerd-controller\0sp-validator").filter(isOurs);
  assert.equal(pids.length, 1, pids.map((pid) => `${pid}: ${readProcess(pid, "cmdline")}`).join("\n"));
  return pids[0]!;
}

/** Kills the validator, and watches its pod until it is ready again. */
async function killValidator(): Promise<V1Pod> {
  const before = await sleeperIs("the pod to be ready", ready);
  const restarts = container(before)!.restartCount;
  // The kubelet may be done within one period of a poll.
  const seen: string[] = [];
  const watch = await new Watch(kubeConfig()).watch(
    `/api/v1/namespaces/${namespace}/pods`,
    { labelSelector: "app=sleeper" },
    (_phase, pod: V1Pod) => {
      const condition = pod.status?.conditions?.find(({ type }) => type === "Ready");
      seen.push(`${condition?.status === "True" ? "Ready" : "NotReady"} ${container(pod)?.restartCount}`);
    },
    () => {},
  );
  try {
    await until("the watch to begin", 10_000, async () => seen.length > 0);
    process.kill(await validator(), "SIGKILL");
    await until("the pod to be ready again", 60_000, async () => {
      return seen.at(-1) === `Ready ${restarts + 1}` || seen.join(", ");
    });
  } finally {
    watch.abort();
  }
  assert.ok(
    seen.some((state) => state.startsWith("NotReady")),
    `it was NotReady in between: ${seen.join(", ")}`,
  );
  return sleeper();
}

test("a killed process makes its pod NotReady, is restarted, and is counted", async () => {
  const pod = await killValidator();
  assert.equal(container(pod)?.restartCount, 1);
  assert.equal(container(pod)?.lastState?.terminated?.exitCode, 137);
});

test("kubectl logs, exec and port-forward reach the process", async () => {
  const logs = await kubectl("logs", `-n${namespace}`, "deploy/sleeper");
  assert.match(logs, /running version/);
  const exec = ["exec", `-n${namespace}`, "deploy/sleeper", "--", "sh", "-c"];
  const word = await kubectl(...exec, 'echo "$WORD"; ls /var/run/linkerd/tls');
  assert.equal(word, "of the pod\ntls.crt\ntls.key\n");
  const failing = await execute("kubectl", [...exec, "exit 7"]);
  assert.equal(failing.code, 7);

  let answer = "";
  await execute("kubectl", ["port-forward", `-n${namespace}`, "deploy/sleeper", ":9997"], (text, kill) => {
    const port = /127\.0\.0\.1:(\d+)/.exec(text)?.[1];
    if (!port) return;
    void fetch(`http://127.0.0.1:${port}/ready`)
      .then((response) => response.text())
      .then((body) => {
        answer = body;
      })
      .finally(kill);
  });
  assert.equal(answer, "ok\n");
});

test("a changed Secret reaches the process through its volume", async () => {
  const patch = JSON.stringify({ stringData: { added: "later" } });
  await kubectl("patch", "secret", "webhook", `-n${namespace}`, "--patch", patch);
  await until("the volume to follow the Secret", 30_000, async () => {
    const read = ["exec", `-n${namespace}`, "deploy/sleeper", "--", "cat", "/var/run/linkerd/tls/added"];
    const { stdout, stderr } = await execute("kubectl", read);
    return stdout === "later" || stderr;
  });
});

test("when the container runtime is killed, its containers live on, and none is doubled", async () => {
  const before = await sleeper();
  const pid = await validator();
  const runtimes = () => processes(`${join(sandboxPaths(name).bin, "process-runtime")}\0serve`);
  const [runtime] = runtimes();
  process.kill(runtime!, "SIGKILL");
  await until(
    "the runtime to be started again",
    20_000,
    async () => runtimes().some((pid) => pid !== runtime) || "none runs",
  );
  await until("the kubelet to be content", 30_000, async () => ready(await sleeper()) || "not ready");
  assert.equal(await validator(), pid);
  assert.equal(container(await sleeper())?.restartCount, container(before)?.restartCount);
  // The new runtime watches the old container, and starts one in its place.
  const after = await killValidator();
  assert.equal(container(after)?.restartCount, container(before)!.restartCount + 1);
  assert.notEqual(await validator(), pid);
});

test("a container that cannot run is in CrashLoopBackOff, and is told of with its last log lines", async () => {
  const told: string[] = [];
  const end = await watchContainerFailures(kubeConfig(), (text) => told.push(text));
  try {
    const args = JSON.stringify([
      {
        op: "replace",
        path: "/spec/template/spec/containers/0/args",
        value: ["sp-validator", "-log-level=nonsense"],
      },
    ]);
    await kubectl("patch", "deploy/sleeper", `-n${namespace}`, "--type=json", "--patch", args);
    await until(
      "a report of CrashLoopBackOff",
      90_000,
      async () => told.some((text) => text.includes("CrashLoopBackOff")) || told.join("\n"),
    );
    const text = told.find((one) => one.includes("CrashLoopBackOff"))!;
    assert.match(text, /Container sleeper of pod truth\/sleeper-.* exit code 1/);
    assert.match(text, /invalid log-level: nonsense/);
  } finally {
    await end();
    await kubectl("rollout", "undo", "deploy/sleeper", `-n${namespace}`);
    await sleeperIs("the pod to be ready again", ready);
  }
});

test("nodes of simulated workloads run as many pods as are wanted", async () => {
  await core.createNode({
    body: {
      metadata: { name: "simulated", annotations: { "kwok.x-k8s.io/node": "fake" } },
      spec: { taints: [{ key: "simulated", effect: "NoSchedule" }] },
      status: { allocatable: { cpu: "64", memory: "256Gi", pods: "1000" }, capacity: { pods: "1000" } },
    },
  });
  await kubeConfig()
    .makeApiClient(AppsV1Api)
    .createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name: "many" },
        spec: {
          replicas: 50,
          selector: { matchLabels: { app: "many" } },
          template: {
            metadata: { labels: { app: "many" } },
            spec: {
              nodeName: "simulated",
              containers: [{ name: "workload", image: "example.com/workload:1" }],
            },
          },
        },
      },
    });
  await kubectl("rollout", "status", "deploy/many", `-n${namespace}`, "--timeout=60s");
  await kubectl("delete", "deploy/many", `-n${namespace}`, "--wait");
  await core.deleteNode({ name: "simulated" });
});

test("status lists stand-ins as stand-ins", async () => {
  await core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name: "unknown" },
      spec: { containers: [{ name: "unknown", image: "example.com/unknown:1" }] },
    },
  });
  await until("the unknown image to run", 30_000, async () => {
    const { containers } = await status(name);
    const unknown = containers!.find((one) => one.container === "unknown");
    return (unknown?.state === "Running" && unknown.standIn) || JSON.stringify(unknown);
  });
  const { containers } = await status(name);
  assert.equal(containers!.find((one) => one.container === "sleeper")?.standIn, false);
  await core.deleteNamespacedPod({ namespace, name: "unknown", gracePeriodSeconds: 0 });
});

test("up on a running sandbox does nothing", async () => {
  const before = await findMachine(name);
  await up(name, {}, quiet);
  assert.deepEqual(await findMachine(name), before);
});

test("secrets are the owner's alone, certificates are verified, and only loopback is open", async () => {
  const directory = sandboxPaths(name).directory;
  assert.equal(statSync(directory).mode & 0o077, 0);
  for (const file of readdirSync(join(directory, "pki")).filter((one) => one.endsWith(".key"))) {
    assert.equal(statSync(join(directory, "pki", file)).mode & 0o777, 0o600, file);
  }
  for (const file of [sandboxPaths(name).kubeconfig, sandboxPaths(name).passphrase]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  }
  const inside = readdirSync(join(directory, "configuration")).filter((file) => file.endsWith(".kubeconfig"));
  assert.ok(inside.length >= 4, inside.join(", "));
  const kubeconfigs = [
    sandboxPaths(name).kubeconfig,
    ...inside.map((file) => join(directory, "configuration", file)),
  ];
  for (const file of kubeconfigs)
    assert.doesNotMatch(readFileSync(file, "utf8"), /insecure|PRIVATE KEY/, file);
  const { port } = (await findMachine(name))!;
  const listening = execFileSync("cat", ["/proc/net/tcp", "/proc/net/tcp6"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, local, , state]) => state === "0A" && Number.parseInt(local?.split(":")[1] ?? "", 16) === port,
    )
    .map(([, local]) => local?.split(":")[0]);
  assert.deepEqual(listening, ["0100007F"], "127.0.0.1, and nothing else");
  // The API server proves its identity with the sandbox's certificate authority, and with no other.
  const verify = async (authority: string) => {
    const ca = readFileSync(join(directory, "pki", authority));
    const connection = connect({ host: "127.0.0.1", port, ca });
    await once(connection, "secureConnect");
    connection.destroy();
  };
  await verify("ca.crt");
  await assert.rejects(verify("front-proxy-ca.crt"), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
});

test("what the sandbox cannot use is refused with the way out", async () => {
  for (const [args, message] of [
    [["up", "--name", "Bad_Name"], /1 to 32 of a-z/],
    [["up", "--use", "nonsense=/bin/true"], /there is no nonsense to replace; known are/],
    [["up", "--use", "kubectl=/no/such/file"], /there is no file/],
    [["logs", "--name", name, "nonsense"], /There is no log of nonsense; there are/],
    [["env", "--name", "never"], /is down; bring it up first/],
  ] as const) {
    const { code, stderr } = await execute(process.execPath, ["sandbox/cli.ts", ...args]);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
});
