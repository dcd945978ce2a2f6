/**
 * `npm run bench:status`: how long `status` takes on a mesh of thousands of pods, and how much memory, beside
 * `linkerd check --proxy` on the same cluster.
 *
 * The pods are simulated by KWOK, with the specification of a pod that Linkerd's own injector has made. No number is right
 * or wrong: the exit code is 0 unless a run fails. Of a machine that does more than this, the processor time and the load say
 * what the seconds are worth.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ApiException, CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import { Command, InvalidArgumentError } from "commander";
import { projectDirectory } from "../sandbox/directories.ts";
import { ensureStack, sandboxEnvironment } from "../sandbox/environment.ts";
import { reset, up } from "../sandbox/lifecycle.ts";
import { sandboxKubeConfig } from "../sandbox/machine/cluster.ts";
import { until } from "../sandbox/until.ts";

const sandbox = "bench-status";
const namespace = "many";
const node = "simulated";
/** Of this many pods each is said to be one workload. */
const podsOfWorkload = 100;
const requestsAtOnce = 32;
/** Of a server that is busy with thousands of pods, not every request has its answer. */
const attempts = 5;
/** Of Linux, in which `/proc` counts. */
const ticksPerSecond = 100;

const options = new Command("bench:status")
  .description("Times status and linkerd check --proxy on a mesh of many simulated pods")
  .option("--pods <number>", "meshed pods", count, 10_000)
  .option("--runs <number>", "runs of status", count, 3)
  .parse()
  .opts<{ pods: number; runs: number }>();

function count(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("Give a whole number from 1 on.");
  return number;
}

interface Measured {
  readonly seconds: number;
  readonly processorSeconds: number;
  /** Of a minute, at its begin. */
  readonly load: number;
  readonly megabytes: number;
  readonly code: number | null;
  readonly stdout: string;
}

/** Runs a command to its end; its memory is the most that it had. */
async function measure(command: string, ...args: string[]): Promise<Measured> {
  const load = loadavg()[0]!;
  const begun = performance.now();
  const child = spawn(command, args, {
    env: sandboxEnvironment(sandbox),
    cwd: projectDirectory,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let [kilobytes, ticks] = [0, 0];
  const look = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      kilobytes = Math.max(kilobytes, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0));
      // After its name, which may have any characters: the user's and the system's time are the 14th and 15th of all.
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
      ticks = Math.max(ticks, Number(fields[11]) + Number(fields[12]));
    } catch {
      // It has ended.
    }
  }, 10);
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  const [code] = await once(child, "close");
  clearInterval(look);
  return {
    seconds: (performance.now() - begun) / 1000,
    processorSeconds: ticks / ticksPerSecond,
    load,
    megabytes: kilobytes / 1024,
    code,
    stdout,
  };
}

const describe = ({ seconds, processorSeconds, load, megabytes }: Measured) =>
  `${seconds.toFixed(1)} s (${processorSeconds.toFixed(1)} s of a processor, load ${load.toFixed(1)}), ${megabytes.toFixed(0)} MB`;

async function bench(): Promise<void> {
  await reset(sandbox, () => {});
  await up(sandbox, {}, console.log, ["kwok", "linkerd"]);
  await ensureStack(sandbox, console.log);
  const installed = await measure("pulumi", "up", "--yes", "--skip-preview", "--non-interactive");
  if (installed.code !== 0) throw new Error(`pulumi up failed:\n${installed.stdout}`);
  const core = sandboxKubeConfig(sandbox).makeApiClient(CoreV1Api);
  await makePods(core);
  const status = [process.execPath, join("operations", "cli.ts"), "status", "--json"] as const;
  for (let run = 0; run < options.runs; run++) {
    const measured = await measure(...status);
    const { mesh } = JSON.parse(measured.stdout) as { mesh: { pods: number } };
    console.log(`status: ${mesh.pods} meshed pods, ${describe(measured)}`);
  }
  // Its first run is that which builds it.
  await measure("linkerd", "version", "--client");
  const check = await measure("linkerd", "check", "--proxy", "--wait=10m");
  console.log(`linkerd check --proxy: ${describe(check)}, exit code ${check.code}`);
}

async function makePods(core: CoreV1Api): Promise<void> {
  await core.createNode({
    body: { metadata: { name: node, annotations: { "kwok.x-k8s.io/node": "fake" } } },
  });
  const annotated = { name: namespace, annotations: { "linkerd.io/inject": "enabled" } };
  await core.createNamespace({ body: { metadata: annotated } });
  await until("the namespace's ServiceAccount", 30_000, () =>
    core.readNamespacedServiceAccount({ namespace, name: "default" }).then(
      () => true,
      () => false,
    ),
  );
  const body = {
    metadata: { name: "model" },
    spec: { nodeName: node, containers: [{ name: "app", image: "example.com/app:1" }] },
  };
  const model = await core.createNamespacedPod({ namespace, body, dryRun: "All" });
  await core.replaceNamespace({
    name: namespace,
    body: { metadata: { name: namespace, labels: { "config.linkerd.io/admission-webhooks": "disabled" } } },
  });
  const workloads = Math.ceil(options.pods / podsOfWorkload);
  const owners: { name: string; uid: string }[] = [];
  for (let index = 0; index < workloads; index++) {
    const { metadata } = await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: `workload-${index}` } },
    });
    owners.push({ name: metadata!.name!, uid: metadata!.uid! });
  }
  const waiting = Array.from({ length: options.pods }, (_, index) => index);
  console.log(`Making ${options.pods} pods of ${workloads} workloads …`);
  const make = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await makePod(core, podLike(model, next, owners[next % workloads]!));
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, make));
  await until("the simulated pods to run", 600_000, async () => {
    const fieldSelector = "status.phase!=Running";
    const { items } = await core.listNamespacedPod({ namespace, fieldSelector, limit: 1 });
    return items.length === 0;
  });
}

async function makePod(core: CoreV1Api, body: V1Pod): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await core.createNamespacedPod({ namespace, body });
      return;
    } catch (error) {
      // It was made, and its answer was lost.
      if (error instanceof ApiException && error.code === 409 && attempt > 1) return;
      if (attempt === attempts) throw error;
      await pause(1000);
    }
  }
}

/** A pod as the injector has made its model; what owns it stands for a workload. */
function podLike({ metadata, spec }: V1Pod, index: number, owner: { name: string; uid: string }): V1Pod {
  const { labels, annotations } = metadata!;
  const reference = { apiVersion: "v1", kind: "ConfigMap", controller: true, ...owner };
  return {
    metadata: {
      name: `pod-${index}`,
      labels: labels!,
      annotations: annotations!,
      ownerReferences: [reference],
    },
    spec: spec!,
  };
}

try {
  await bench();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await reset(sandbox, console.log);
}
