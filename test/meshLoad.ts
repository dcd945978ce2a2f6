/**
 * A mesh under load: proxies that open connections to each other all the time, each with its own leaf and the anchors that
 * it was started with. Some are those of pods that run; the others belong to pods that KWOK simulates, and one process
 * holds them. The sandbox needs the extras `kwok` and `mesh-load`.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { V1Pod, V1PodSpec, V1PodTemplateSpec } from "@kubernetes/client-node";
import { heldBundleAnnotation } from "../rules/linkerdNames.ts";
import { sandboxPaths } from "../sandbox/directories.ts";
import type { Extra } from "../sandbox/toolchain/tools.ts";
import { until } from "../sandbox/until.ts";
import { kubectl, sandboxName, set, startSandbox, up } from "./stack.ts";

/** Where all of it is. */
export const loadNamespace = "mesh-load";

const simulatedNode = "simulated";
const image = "sandbox/mesh-load:1";
const port = 8080;
const meets = { "mesh-load": "true" };
/** One identity controller issues five leaves a second. */
const readyTimeoutMilliseconds = 300_000;

export interface LoadSize {
  /** Workloads whose pods are simulated, each with a ServiceAccount of its own: `simulated-0` and so on. */
  readonly simulated: number;
  /**
   * Workloads whose pods run, likewise: `running-0` and so on. The init container that each is given asks for a tenth of a
   * processor, so that a node of two has no place for more than 17 beside the control plane, and none for a new pod of that;
   * `linkerdControlPlaneValues.proxyInit.resources.cpu` changes it.
   */
  readonly running: number;
  /** Pods of each workload. Default: 1. */
  readonly replicas?: number;
  /** Connections a second that the simulated pods open together; each that runs opens one. Default: 50. */
  readonly rate?: number;
}

type Refusal = "UnknownIssuer" | "BadSignature" | "Expired" | "NotValidYet" | "NotValidForName" | "Other";

interface LoadStatus {
  /** Connections for which each proxy accepted the other. */
  readonly handshakes: number;
  /** Connections that one of the two refused, by the reason in rustls' words. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
  /** Connections that did not come to that, such as those to a pod that has just gone. */
  readonly unreachable: number;
  /** The last hundred that failed. */
  readonly last: readonly {
    readonly time: string;
    readonly client: string;
    readonly server: string;
    readonly reason?: Refusal;
    readonly error: string;
  }[];
  /** Proxies of simulated pods; those of them that have had a leaf; those whose leaf has ended. */
  readonly simulated: number;
  readonly ready: number;
  readonly ended: number;
  /** Pods that run and are ready. */
  readonly running: number;
  /** Of the simulated pods' leaves. */
  readonly renewals: Renewals;
}

interface Renewals {
  readonly ok: number;
  /** For whatever reason: nobody answers, nobody is let in, or the new leaf leads nowhere. */
  readonly failed: number;
}

interface LoadProxy {
  /** Namespace and name of the pod. */
  readonly pod: string;
  readonly identity: string;
  /** Of a simulated pod: the end of its leaf, and its renewals. */
  readonly expiration?: string;
  readonly renewals: Renewals;
}

/**
 * Installs the program on a new sandbox, with a load on its mesh.
 *
 * @param issuanceLifetime of a leaf, as a Go duration; each lives for twenty seconds more, the allowances for clocks.
 */
export async function startMeshUnderLoad(
  issuanceLifetime: string,
  size: LoadSize,
  ...extras: readonly Extra[]
): Promise<void> {
  await startSandbox("kwok", "mesh-load", ...extras);
  await set("issuanceLifetime", issuanceLifetime);
  await set("clockSkewAllowance", "10s");
  await up();
  await startLoad(size);
}

/** Makes the load, and waits until every proxy has its leaf and the first connections have been made. */
export async function startLoad(size: LoadSize): Promise<void> {
  const { simulated, running, replicas = 1, rate = 50 } = size;
  const names = (kind: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${kind}-${index}`);
  const objects = [
    ...holder(rate),
    ...names("simulated", simulated).flatMap((name) => workload(name, replicas, simulatedPod)),
    ...names("running", running).flatMap((name) => workload(name, replicas, runningPod)),
  ];
  const file = loadFile();
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  await kubectl("apply", "--server-side", "--filename", file);
  await kubectl("rollout", "status", "deployment/holder", `--namespace=${loadNamespace}`, "--timeout=120s");
  await until("every proxy of the load to have its leaf", readyTimeoutMilliseconds, async () => {
    const status = await loadStatus();
    const all = status.ready === simulated * replicas && status.running === running * replicas;
    return (all && status.handshakes > 0) || JSON.stringify({ ...status, last: status.last.at(-1) });
  });
}

const loadFile = () => join(sandboxPaths(sandboxName).directory, "load.json");

/** Takes back all that {@link startLoad} has made. */
export const removeLoad = () => kubectl("delete", "--filename", loadFile(), "--wait");

const inLoad = `--namespace=${loadNamespace}`;

const ask = async (path: string) =>
  JSON.parse(
    await kubectl("get", "--raw", `/api/v1/namespaces/${loadNamespace}/services/load:${port}/proxy/${path}`),
  );

export const loadStatus = (): Promise<LoadStatus> => ask("status");
/** Every proxy of the load, in the order of the pods' names. */
export const loadProxies = (): Promise<LoadProxy[]> => ask("proxies");

/** What became of the connections that were made while `work` was done. */
export async function meanwhile(work: () => Promise<void>) {
  const begun = Date.now();
  const before = await loadStatus();
  await work();
  const after = await loadStatus();
  const reasons = Object.entries(after.refused) as [Refusal, number][];
  const counts = reasons.map(([reason, count]) => [reason, count - (before.refused[reason] ?? 0)] as const);
  return {
    handshakes: after.handshakes - before.handshakes,
    refused: Object.fromEntries(counts.filter(([, count]) => count > 0)) as LoadStatus["refused"],
    unreachable: after.unreachable - before.unreachable,
    renewals: {
      ok: after.renewals.ok - before.renewals.ok,
      failed: after.renewals.failed - before.renewals.failed,
    },
    last: after.last.filter(({ time }) => Date.parse(time) >= begun),
  };
}

/**
 * While `work` is done, no connection is refused, no renewal fails, and no pod of the load is restarted.
 *
 * @throws AssertionError otherwise.
 */
export async function undisturbed(work: () => Promise<void>): Promise<void> {
  const podsBefore = await uids();
  const { handshakes, refused, renewals, last } = await meanwhile(work);
  assert.deepEqual(refused, {}, JSON.stringify(last.slice(-5)));
  assert.equal(renewals.failed, 0, JSON.stringify(renewals));
  assert.ok(handshakes > 0);
  assert.deepEqual(await uids(), podsBefore);
}

/** Of the load's pods, but for those that are on their way out. */
async function uids(): Promise<string[]> {
  const { items } = JSON.parse(await kubectl("get", "pods", inLoad, "--output=json"));
  return (items as V1Pod[])
    .filter(({ metadata }) => metadata!.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata!.uid!);
}

/** Waits until nothing of the load is refused any more. */
export const allAccept = (simulated: number) =>
  until("every proxy of the load to accept every other", readyTimeoutMilliseconds, async () => {
    const { ready, ended } = await loadStatus();
    const { handshakes, refused } = await meanwhile(() => pause(3_000));
    const accepted = handshakes > 0 && Object.keys(refused).length === 0;
    return (
      (ready === simulated && ended === 0 && accepted) ||
      JSON.stringify({ ready, ended, handshakes, refused })
    );
  });

/** The name of a workload's one pod: the newest, since the one before it may be on its way out. */
export const podOf = (workload: string) =>
  kubectl(
    "get",
    "pods",
    inLoad,
    `--selector=app=${workload}`,
    "--sort-by=.metadata.creationTimestamp",
    "--output=jsonpath={.items[-1:].metadata.name}",
  );

/** Has a pod say of itself that it was started with the bundle that another workload's pod was started with. */
export async function pretendToHold(pod: string, other: string): Promise<void> {
  const path = heldBundleAnnotation.replaceAll(".", "\\.");
  const output = `--output=jsonpath={.metadata.annotations.${path}}`;
  const hash = await kubectl("get", `pod/${await podOf(other)}`, inLoad, output);
  await kubectl("annotate", "--overwrite", inLoad, `pod/${pod}`, `${heldBundleAnnotation}=${hash}`);
}

/** Replaces the pods of workloads, all by default: their new proxies take the anchors of now. */
export async function restartWorkloads(...names: string[]): Promise<void> {
  const chosen =
    names.length > 0
      ? names.map((name) => `deployment/${name}`)
      : ["deployment", "--selector=mesh-load=true"];
  await kubectl("rollout", "restart", ...chosen, inLoad);
  await kubectl("rollout", "status", ...chosen, inLoad, "--timeout=300s");
}

/** The node, and the process that holds the proxies of its pods. */
function holder(rate: number): object[] {
  const name = "holder";
  const account = { name, namespace: loadNamespace };
  const rbac = "rbac.authorization.k8s.io";
  return [
    {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: simulatedNode, annotations: { "kwok.x-k8s.io/node": "fake" } },
      spec: { taints: [{ key: "simulated", effect: "NoSchedule" }] },
    },
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: loadNamespace, annotations: { "linkerd.io/inject": "enabled" } },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name: loadNamespace },
      rules: [
        { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] },
        { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] },
        { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: loadNamespace },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: loadNamespace },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "load", namespace: loadNamespace },
      spec: { clusterIP: "None", selector: { app: name }, ports: [{ port }] },
    },
    deployment(name, 1, {
      metadata: { labels: { app: name }, annotations: { "linkerd.io/inject": "disabled" } },
      spec: {
        serviceAccountName: name,
        containers: [
          {
            name,
            image,
            args: ["hold", `--node=${simulatedNode}`, `--rate=${rate}`],
            readinessProbe: { httpGet: { path: "/status", port }, periodSeconds: 1 },
          },
        ],
      },
    }),
  ];
}

function workload(name: string, replicas: number, spec: V1PodSpec): object[] {
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: loadNamespace } },
    deployment(name, replicas, {
      metadata: { labels: { ...meets, app: name } },
      spec: { serviceAccountName: name, ...spec },
    }),
  ];
}

const deployment = (name: string, replicas: number, template: V1PodTemplateSpec) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: loadNamespace, labels: template.metadata!.labels },
  spec: { replicas, selector: { matchLabels: { app: name } }, template },
});

const simulatedPod = {
  nodeName: simulatedNode,
  containers: [{ name: "workload", image: "example.com/workload:1" }],
};

const fieldOf = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });

const runningPod = {
  // It would otherwise wait for its end.
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: "caller",
      image,
      args: ["call", `--load=http://load.${loadNamespace}.svc:${port}`],
      env: [fieldOf("POD_NAMESPACE", "metadata.namespace"), fieldOf("POD_NAME", "metadata.name")],
    },
  ],
};
