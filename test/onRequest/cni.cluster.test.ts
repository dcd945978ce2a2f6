/**
 * With the CNI plugin and high availability: Kubernetes enforces `restricted` on the control plane, and each of three
 * replicas follows a renewal.
 */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { after, before, test } from "node:test";
import {
  ApiException,
  AppsV1Api,
  type KubernetesObject,
  PolicyV1Api,
  type V1Pod,
  type V1PodSpec,
  type V1PodTemplateSpec,
  type V1Secret,
} from "@kubernetes/client-node";
import { parse, parseAllDocuments } from "yaml";
import type { Mesh } from "../../mesh/cluster.ts";
import { hasCniValue } from "../../rules/charts/cni.ts";
import { namedChart } from "../../rules/charts/version.ts";
import { chartArchive } from "../../sandbox/programs.ts";
import { until } from "../../sandbox/until.ts";
import { injectedPod, proxyOf } from "../cluster/admission.ts";
import { listObjects, listObjectsOfSettledCluster } from "../objects.ts";
import {
  connectTo,
  destroy,
  execute,
  kubeConfig,
  pulumi,
  removeSandbox,
  renew,
  run,
  sandboxName,
  soundCredentials,
  startSandbox,
  upChangesNothing,
} from "../stack.ts";

const namespace = "linkerd";
/** Name of the plugin's namespace, its release and its DaemonSet. */
const plugin = "linkerd-cni";
const lateNode = "late";
const workloads = ["linkerd-destination", "linkerd-identity", "linkerd-proxy-injector"] as const;
const replicas = 3;

let cluster: Mesh;
let apps: AppsV1Api;
let objectsBefore: string[];

before(async () => {
  await startSandbox("linkerd", "linkerd-cni");
  cluster = connectTo(namespace);
  apps = kubeConfig().makeApiClient(AppsV1Api);
  objectsBefore = await listObjectsOfSettledCluster();
  // The one node that runs pods has to take all of them. What the user says wins over upstream's numbers.
  const request = (workload: string) => `linkerdControlPlaneValues.${workload}.cpu.request=10m`;
  await pulumi(
    "config",
    "set-all",
    "--path",
    "--plaintext=protectTrustAnchors=false",
    "--plaintext=installLinkerdCni=true",
    "--plaintext=highAvailability=true",
    "--plaintext=linkerdControlPlaneValues.enablePodAntiAffinity=false",
    ...["proxy.resources", "identityResources", "destinationResources"].map(
      (workload) => `--plaintext=${request(workload)}`,
    ),
  );
  await createLateNode();
  let output = "";
  const installing = execute("pulumi", ["up", "--yes", "--skip-preview"], (text) => {
    output += text;
  });
  const [installed] = await Promise.all([installing, letLateNodeBeReady(() => output)]);
  assert.equal(installed.code, 0, output);
  // Helm is content with two of three.
  await until("three replicas of each workload", 60_000, async () => {
    const pods = await controlPlanePods();
    const ready = pods.filter(({ status }) =>
      status!.conditions!.some(({ type, status: value }) => type === "Ready" && value === "True"),
    );
    return ready.length === replicas * workloads.length || `${ready.length} of ${pods.length} pods are ready`;
  });
});
after(removeSandbox);

test("Helm had released the plugin before it was ready on every node; Linkerd came after that", async () => {
  const { items: plugins } = await cluster.core.listNamespacedPod({ namespace: plugin });
  assert.equal(plugins.length, 2);
  const ready = plugins.map(({ status }) =>
    status!.conditions!.find(({ type }) => type === "Ready")!.lastTransitionTime!.getTime(),
  );
  const created = (await releases())
    .filter(({ metadata }) => metadata!.namespace === namespace)
    .map(({ metadata }) => metadata!.creationTimestamp!.getTime());
  assert.equal(created.length, 2);
  assert.ok(Math.max(...ready) <= Math.min(...created), `${ready} and ${created}`);

  // No kubelet would end its pod.
  const { name } = await latePlugin();
  await cluster.core.deleteNode({ name: lateNode });
  await cluster.core.deleteNamespacedPod({ namespace: plugin, name, gracePeriodSeconds: 0 });
});

test("linkerd check finds the plugin on all nodes", async () => {
  const { categories } = JSON.parse(await run("linkerd", "check", "--output=json")) as {
    categories: { categoryName: string; checks: { description: string; result: string }[] }[];
  };
  const checks = categories.find(({ categoryName }) => categoryName === "linkerd-cni-plugin")!.checks;
  assert.ok(checks.some(({ description }) => description.endsWith("on all nodes")));
  assert.deepEqual([...new Set(checks.map(({ result }) => result))], ["success"]);
});

test("its namespace is restricted, and every pod of the control plane is admitted", async () => {
  const { metadata } = await cluster.core.readNamespace({ name: namespace });
  assert.equal(metadata!.labels!["pod-security.kubernetes.io/enforce"], "restricted");
  const pods = await controlPlanePods();
  assert.equal(pods.length, replicas * workloads.length);
  for (const { metadata, spec } of pods) {
    assert.deepEqual(initContainersOf(spec!), ["linkerd-network-validator"], metadata!.name);
  }
});

test("without a plugin, the same pods would be refused there: linkerd-init has rights over the network", async () => {
  const [withPlugin, without] = [await renderedDeployments(true), await renderedDeployments(false)];
  assert.equal(withPlugin.length, workloads.length);
  assert.equal(without.length, workloads.length);
  for (const { spec } of withPlugin) await admit(spec.template);
  for (const { metadata, spec } of without) {
    const refusal = await admit(spec.template).then(
      () => assert.fail(`${metadata!.name} is admitted with ${initContainersOf(spec.template.spec!)}`),
      (error: unknown) => error,
    );
    assert.ok(refusal instanceof ApiException && refusal.code === 403, String(refusal));
    assert.match(String(refusal.body), /violates PodSecurity.*restricted:latest/);
    assert.match(String(refusal.body), /container .*linkerd-init.* must not include .*NET_ADMIN/);
  }
});

test("a second up changes nothing", async () => {
  await upChangesNothing();
});

test("an injected pod has no rights over its network either, and is admitted where only restricted ones are", async () => {
  const name = "restricted-application";
  await cluster.core.createNamespace({
    body: { metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
  });
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  };
  const pod = await injectedPod(cluster, name, securityContext);
  assert.deepEqual(initContainersOf(pod), ["linkerd-network-validator"]);
  assert.ok(pod.containers.includes(proxyOf(pod)!));
  await cluster.core.deleteNamespace({ name });
});

test("the table knows every value of the chart", async () => {
  const chart = await chartArchive(sandboxName, "linkerd2-cni");
  const { version } = namedChart(`./${basename(chart)}`, "")!;
  const names = Object.keys(parse(await run("helm", "show", "values", chart)));
  assert.ok(names.length > 10);
  assert.deepEqual(
    names.filter((name) => !hasCniValue(version, name)),
    [],
  );
});

test("each of three replicas has loaded the issuer, and takes a renewal", async () => {
  for (const renewal of [false, true]) {
    if (renewal) await renew();
    const { issuer, loaded } = await soundCredentials();
    assert.equal(loaded.length, replicas);
    for (const { podName, issuer: own } of loaded)
      assert.equal(own?.serialNumber, issuer.serialNumber, podName);
  }
});

test("disruptions take one replica of each workload at a time; the user's own values win", async () => {
  const { items: budgets } = await kubeConfig()
    .makeApiClient(PolicyV1Api)
    .listNamespacedPodDisruptionBudget({ namespace });
  assert.equal(budgets.length, workloads.length);
  for (const { metadata, status } of budgets) assert.equal(status!.disruptionsAllowed, 1, metadata!.name);
  for (const name of workloads) {
    const { spec } = await apps.readNamespacedDeployment({ namespace, name });
    assert.equal(spec!.replicas, replicas, name);
    const { affinity, containers } = spec!.template.spec!;
    assert.equal(affinity?.podAntiAffinity, undefined, name);
    const { resources } = containers.find((container) => container.name === "linkerd-proxy")!;
    assert.deepEqual(
      { ...resources },
      {
        limits: { memory: "250Mi" },
        requests: { cpu: "10m", memory: "20Mi" },
      },
    );
  }
});

test("destroy leaves nothing", async () => {
  await destroy();
  assert.deepEqual(await listObjects(), objectsBefore);
});

/** A node without a kubelet, for pods of DaemonSets alone: what is scheduled there stays pending. */
async function createLateNode(): Promise<void> {
  await cluster.core.createNode({
    body: {
      metadata: { name: lateNode, labels: { "kubernetes.io/os": "linux" } },
      spec: { taints: [{ key: lateNode, effect: "NoSchedule" }] },
      status: { allocatable: { cpu: "1", memory: "1Gi", pods: "1" }, capacity: { pods: "1" } },
    },
  });
}

/** Says for the late node's kubelet that the plugin is ready, once Linkerd's releases wait for nothing else. */
async function letLateNodeBeReady(output: () => string): Promise<void> {
  await until("the plugin to be released, and the identity issuer to be there", 240_000, async () => {
    const deployed = (await releases()).map(({ metadata }) => metadata!.labels!.name);
    const { items: secrets } = await cluster.core.listNamespacedSecret({ namespace });
    const names = secrets.map(({ metadata }) => metadata!.name);
    return (
      (deployed.includes(plugin) && names.includes("linkerd-identity-issuer")) ||
      `releases ${deployed.join(", ")}; Secrets ${names.join(", ")}`
    );
  });
  const { status } = await apps.readNamespacedDaemonSet({ namespace: plugin, name: plugin });
  assert.deepEqual([status!.desiredNumberScheduled, status!.numberReady], [2, 1]);
  assert.match(output(), /linkerd-cni-ready creating/);
  assert.doesNotMatch(output(), /linkerd-cni-ready created|Release linkerd-control-plane/);
  const { name, body } = await latePlugin();
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: new Date() }];
  await cluster.core.replaceNamespacedPodStatus({
    namespace: plugin,
    name,
    body: { ...body, status: { phase: "Running", conditions } },
  });
}

/** The plugin's pod on the late node. */
async function latePlugin(): Promise<{ readonly name: string; readonly body: V1Pod }> {
  const fieldSelector = `spec.nodeName=${lateNode}`;
  const { items } = await cluster.core.listNamespacedPod({ namespace: plugin, fieldSelector });
  return { name: items[0]!.metadata!.name!, body: items[0]! };
}

/** What Helm takes for installed, as the Secrets in which it keeps that. */
async function releases(): Promise<V1Secret[]> {
  const labelSelector = "owner=helm,status=deployed";
  return (await cluster.core.listSecretForAllNamespaces({ labelSelector })).items;
}

const initContainersOf = ({ initContainers }: V1PodSpec) => (initContainers ?? []).map(({ name }) => name);

async function controlPlanePods(): Promise<V1Pod[]> {
  const { items } = await cluster.core.listNamespacedPod({
    namespace,
    labelSelector: "linkerd.io/control-plane-component",
  });
  return items.filter(({ status }) => status!.phase === "Running");
}

/** The Deployments that the chart would install with the release's values, with a CNI plugin or without. */
async function renderedDeployments(
  cniEnabled: boolean,
): Promise<(KubernetesObject & { spec: { template: V1PodTemplateSpec } })[]> {
  const upgrade = await run(
    "helm",
    "upgrade",
    "linkerd-control-plane",
    await chartArchive(sandboxName, "linkerd-control-plane"),
    `--namespace=${namespace}`,
    "--reuse-values",
    `--set=cniEnabled=${cniEnabled}`,
    "--dry-run",
    "--output=json",
  );
  const { manifest } = JSON.parse(upgrade) as { manifest: string };
  return parseAllDocuments(manifest)
    .map((document) => document.toJS())
    .filter((object) => object?.kind === "Deployment");
}

/** Asks the API server to admit a pod of this template, without making it. */
async function admit({ metadata, spec }: V1PodTemplateSpec): Promise<void> {
  const body = { metadata: { ...metadata, generateName: "dry-" }, spec: spec! };
  await cluster.core.createNamespacedPod({ namespace, dryRun: "All", body });
}
