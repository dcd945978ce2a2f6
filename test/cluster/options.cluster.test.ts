/**
 * What is not on by default, each part once, and together on one mesh: an anchor that the cluster keeps, a CNI plugin, the viz
 * extension, a namespace of someone else's, an issuer that lives an hour. The long test of each is on request: CONTRIBUTING.md.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { ApiregistrationV1Api } from "@kubernetes/client-node";
import { askToIssue } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { ensureStack } from "../../sandbox/environment.ts";
import { until } from "../../sandbox/until.ts";
import { authority, hoursFromNow } from "../certificates.ts";
import {
  connectTo,
  credentials,
  environment,
  execute,
  kubeConfig,
  kubectl,
  projectDirectory,
  pulumi,
  refused,
  removeSandbox,
  run,
  sandboxName,
  set,
  startSandbox,
  temporaryFolder,
  unset,
  up,
  upChangesNothing,
} from "../stack.ts";
import { askThroughout, containersOf, injectedPod, proxyOf, servedSerialNumber } from "./admission.ts";

const group = "gateway.networking.k8s.io";
const folder = temporaryFolder();
/** Someone else's namespace, in which cert-manager is installed, and the anchor kept. */
const theirs = "pki";

/** Whose certificates are renewed: by namespace, webhook, the pods' label, and the port at which they serve. */
const servers = [
  ["linkerd", "linkerd-proxy-injector", "linkerd.io/control-plane-component=proxy-injector", 8443],
  ["linkerd-viz", "tap", "component=tap", 8089],
] as const;

let linkerd: Mesh;

before(async () => {
  await startSandbox("linkerd-cni", "linkerd-viz", "trust-manager");
  linkerd = connectTo("linkerd");
  const programs = environment.PATH!.split(delimiter)[0]!;
  for (const name of readdirSync(programs)) {
    if (name !== "kubectl") symlinkSync(join(programs, name), join(folder, name));
  }
});
after(removeSandbox);

const setAll = (settings: Readonly<Record<string, string>>) =>
  pulumi(
    "config",
    "set-all",
    "--path",
    ...Object.entries(settings).map(([key, value]) => `--plaintext=${key}=${value}`),
  );

/** What Pulumi says as it refuses, on a machine that has no kubectl. */
async function refusedWithoutKubectl(...args: string[]): Promise<string> {
  const path = `PATH=${[folder, join(projectDirectory, "node_modules", ".bin")].join(delimiter)}`;
  const { code, stdout, stderr } = await execute("env", [path, "pulumi", ...args]);
  assert.notEqual(code, 0, stdout);
  // One sentence for people, and no stack of calls.
  assert.doesNotMatch(stdout + stderr, /unhandled exception|error serializing/);
  return stdout + stderr;
}

test("a Linkerd that is too old for the cluster's Kubernetes is refused at preview", async () => {
  await setAll({
    linkerdControlPlaneChart: "linkerd2",
    linkerdControlPlaneChartVersion: "2.11.5",
    rotateWebhookCredentials: "false",
  });
  assert.match(
    await refusedWithoutKubectl("preview"),
    /linkerdControlPlaneChartVersion: Linkerd 2\.11 needs Kubernetes 1\.16 to 1\.24, and the cluster runs v1\.36/,
  );
});

test("definitions of the Gateway API that someone else has applied are refused at preview", async () => {
  const file = join(folder, "definition.json");
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `httproutes.${group}`,
      annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api" },
    },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind: "HTTPRoute", plural: "httproutes", singular: "httproute" },
      versions: [
        { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } },
      ],
    },
  };
  writeFileSync(file, JSON.stringify(definition));
  await kubectl("apply", "--filename", file);
  await setAll({
    linkerdControlPlaneChart: "linkerd-control-plane",
    linkerdControlPlaneChartVersion: "2026.8.3",
    installGatewayApi: "true",
  });
  assert.match(
    await refusedWithoutKubectl("preview"),
    /has the definition httproutes\S+, which no Helm release owns/,
  );
});

test("without a preview, it is refused before a release of Linkerd is touched", async () => {
  const output = await refusedWithoutKubectl("up", "--yes", "--skip-preview");
  assert.match(output, /has the definition httproutes\S+, which/);
  assert.equal(await run("helm", "list", "--all", "--namespace=linkerd", "--short"), "");
  await kubectl("delete", "customresourcedefinition", `httproutes.${group}`);
  for (const key of [
    "linkerdControlPlaneChart",
    "linkerdControlPlaneChartVersion",
    "rotateWebhookCredentials",
    "installGatewayApi",
  ]) {
    await unset(key);
  }
});

test("an anchor that is given without its key signs nothing", async () => {
  const { certificate } = await authority({ commonName: "company root", notAfter: hoursFromNow(87_600) });
  const file = join(folder, "company.pem");
  writeFileSync(file, certificate.toString());
  await set("providedTrustAnchors.1.certificateFile", file);
  assert.match(
    await refused("preview"),
    /signingGeneration: Generation 1 is provided without its private key, so it cannot sign/,
  );
  await unset("providedTrustAnchors");
});

test("a namespace of someone else's is used if the settings say so, and not before", async () => {
  await kubectl("create", "namespace", theirs);
  await setAll({
    certManagerNamespace: theirs,
    trustAnchorSource: "cluster",
    installLinkerdCni: "true",
    installLinkerdViz: "true",
    // cert-manager renews such an issuer every half a minute.
    issuanceLifetime: "20m",
    issuerDuration: "1h",
    issuerRenewBefore: "59m30s",
  });
  assert.match(await refused("preview"), /Namespace pki: It is on the cluster already, .* it is by kubectl/);
  await set("createCertManagerNamespace", "false");
});

test("an installation that is killed on its way is gone on with, and a second run changes nothing", async () => {
  let seen = "";
  await execute("pulumi", ["up", "--yes", "--skip-preview"], (text, kill) => {
    seen += text;
    if (/cert-manager\.io\/v1:Certificate .* creating/.test(seen)) kill();
  });
  assert.match(seen, /cert-manager\.io\/v1:Certificate .* creating/);
  // A killed engine cannot take its lock back.
  await ensureStack(sandboxName, console.log);
  await up();
  await upChangesNothing();
});

test("the anchor is the cluster's: identity's certificate leads to it, and its key is not in Pulumi's state", async () => {
  const { data } = await linkerd.core.readNamespacedSecret({
    namespace: theirs,
    name: "linkerd-trust-anchor",
  });
  const { fingerprint256 } = new X509Certificate(Buffer.from(data!["tls.crt"]!, "base64"));
  assert.equal((await credentials()).loaded[0]?.anchor?.fingerprintSha256, fingerprint256);
  const state = await pulumi("stack", "export", "--show-secrets");
  const [, line] = Buffer.from(data!["tls.key"]!, "base64").toString().split("\n");
  assert.ok(!state.includes(data!["tls.key"]!) && !state.includes(line!), "the anchor's key is in the state");
});

test("cert-manager renews the issuer by itself, and the running identity controller follows", async () => {
  const loaded = async () => (await credentials()).loaded[0]?.issuer?.serialNumber;
  const first = await loaded();
  assert.ok(first);
  await until("identity to use another issuer", 120_000, async () => {
    const current = await loaded();
    return (current !== undefined && current !== first) || `${current}`;
  });
});

test("with a CNI plugin, pods are admitted in a restricted namespace", async () => {
  for (const namespace of ["linkerd", "linkerd-viz"]) {
    const { metadata } = await linkerd.core.readNamespace({ name: namespace });
    assert.equal(metadata!.labels!["pod-security.kubernetes.io/enforce"], "restricted");
    const { items } = await linkerd.core.listNamespacedPod({ namespace });
    const initContainers = items.flatMap(({ spec }) => spec!.initContainers!.map(({ name }) => name));
    assert.deepEqual([...new Set(initContainers)], ["linkerd-network-validator"]);
  }
});

test("renewed certificates are served by the running processes, and the API server verifies them throughout", async () => {
  const registrations = kubeConfig().makeApiClient(ApiregistrationV1Api);
  const ask = async () => {
    const { status } = await registrations.readAPIService({ name: "v1alpha1.tap.linkerd.io" });
    const available = status?.conditions?.find(({ type }) => type === "Available");
    assert.equal(available?.status, "True", available?.message);
    const proxy = proxyOf(await injectedPod(linkerd));
    // The tap injector adds it to what the proxy injector has injected.
    assert.ok(proxy?.env?.some(({ name }) => name === "LINKERD2_PROXY_TAP_SVC_NAME"));
  };
  await until("tap's API", 60_000, () =>
    ask().then(
      () => true,
      ({ message }) => message,
    ),
  );
  const stored = async (namespace: string, webhook: string) => {
    const secret = await linkerd.core.readNamespacedSecret({ namespace, name: `${webhook}-k8s-tls` });
    return new X509Certificate(Buffer.from(secret.data!["tls.crt"]!, "base64")).serialNumber;
  };
  const running = () => Promise.all(servers.map(([namespace]) => containersOf(connectTo(namespace))));
  const before = await running();
  await askThroughout(ask, async (asked) => {
    for (const [namespace, webhook, pod, port] of servers) {
      const mesh = connectTo(namespace);
      const old = await stored(namespace, webhook);
      await askToIssue(mesh, webhook);
      await until(`${webhook} to serve a new certificate`, 120_000, async () => {
        const serialNumber = await stored(namespace, webhook);
        if (serialNumber === old) return `its Secret still has ${serialNumber}`;
        const served = await servedSerialNumber(mesh, pod, port);
        return served === serialNumber || `it serves ${served}, and its Secret has ${serialNumber}`;
      });
    }
    const done = asked();
    await until("answers by the new certificates", 30_000, async () => asked() > done + 3);
  });
  assert.deepEqual(await running(), before);
});

test("another stack on the same cluster is refused", async () => {
  await pulumi("stack", "init", "staging");
  assert.match(
    await refused("preview"),
    /Namespace linkerd: It is on the cluster already, .* of another stack of this program/,
  );
});
