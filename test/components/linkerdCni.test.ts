import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { build, findingsOf, type Values } from "../configured.ts";

const release = "kubernetes:helm.sh/v3:Release";
const namespace = "kubernetes:core/v1:Namespace";

const findings = (args: Values) =>
  findingsOf({ installLinkerdCni: true, ...args }).map(({ rule, field }) => [rule, field]);

type Recorded = Awaited<ReturnType<typeof build>>;

const labels = ({ find }: Recorded, name: string) =>
  (find(namespace, name).inputs.metadata as { labels: Record<string, string> }).labels;
const levelOf = (recorded: Recorded) =>
  labels(recorded, "linkerd-namespace")["pod-security.kubernetes.io/enforce"];

/** Linkerd 2.11 and the plugin that was published with it. */
const legacy = (version: string) => ({
  linkerdControlPlaneChart: "linkerd2",
  linkerdControlPlaneChartVersion: version,
  linkerdCniChartVersion: version,
  rotateWebhookCredentials: false,
});

test("the plugin is installed before the control plane, which then does without an init container", async () => {
  const recorded = await build({ installLinkerdCni: true, linkerdCniValues: { logLevel: "debug" } });
  const { find } = recorded;
  assert.deepEqual(find(namespace, "linkerd-cni-namespace").inputs.metadata, {
    name: "linkerd-cni",
    labels: {
      "linkerd.io/cni-resource": "true",
      "config.linkerd.io/admission-webhooks": "disabled",
      "pod-security.kubernetes.io/enforce": "privileged",
    },
  });
  const plugin = find(release, "linkerd-cni");
  assert.equal(plugin.inputs.namespace, "linkerd-cni");
  assert.equal(plugin.inputs.chart, "linkerd2-cni");
  assert.deepEqual(plugin.inputs.values, { logLevel: "debug" });
  assert.equal(levelOf(recorded), "restricted");
  const controlPlane = find(release, "linkerd-control-plane");
  assert.equal((controlPlane.inputs.values as { cniEnabled: boolean }).cniEnabled, true);
  for (const needed of [`${release} linkerd-cni`, "kubernetes:apps/v1:DaemonSetPatch linkerd-cni-ready"]) {
    assert.ok(controlPlane.dependencies.includes(needed), needed);
  }
});

test("an up waits until the plugin is ready on every node, as long as for Helm", async () => {
  const { find } = await build({ installLinkerdCni: true, helmTimeoutSeconds: 300 });
  const patch = find("kubernetes:apps/v1:DaemonSetPatch", "linkerd-cni-ready");
  assert.deepEqual(patch.inputs.metadata, {
    name: "linkerd-cni",
    namespace: "linkerd-cni",
    annotations: { "pulumi.com/timeoutSeconds": "300" },
  });
  assert.ok(patch.dependencies.includes(`${release} linkerd-cni`));
});

test("nothing of it is made where it is not asked for", async () => {
  const recorded = await build({});
  assert.deepEqual(
    recorded.registrations.filter(({ name }) => name.includes("cni")),
    [],
  );
  assert.equal(levelOf(recorded), "privileged");
  const { values } = recorded.find(release, "linkerd-control-plane").inputs;
  assert.ok(!Object.hasOwn(values as object, "cniEnabled"));
});

test("a plugin of the user's own is told by cniEnabled, wherever their chart has it; the namespace follows", async () => {
  assert.equal(levelOf(await build({ linkerdControlPlaneValues: { cniEnabled: true } })), "restricted");
  assert.equal(levelOf(await build({ linkerdControlPlaneValues: { cniEnabled: false } })), "privileged");
  const secret = await build({ linkerdControlPlaneValues: { cniEnabled: pulumi.secret(true) } });
  assert.equal(levelOf(secret), "restricted", "encrypted, it is told as plainly");
});

test("pods of Linkerd before 2.13 do not keep to restricted, with a plugin either", async () => {
  const { linkerdCniChartVersion: _, ...linkerd211 } = legacy("2.11.5");
  for (const settings of [
    { ...legacy("2.11.5"), installLinkerdCni: true },
    { ...linkerd211, linkerdControlPlaneValues: { cniEnabled: true } },
    {
      installLinkerdCni: true,
      linkerdControlPlaneChartVersion: "1.9.8",
      linkerdCniChartVersion: "30.3.8",
    },
  ]) {
    assert.equal(levelOf(await build(settings)), "privileged");
  }
  const linkerd213 = await build({
    installLinkerdCni: true,
    linkerdControlPlaneChartVersion: "1.12.7",
    linkerdCniChartVersion: "30.8.5",
  });
  assert.equal(levelOf(linkerd213), "restricted");
});

test("before 2.12 the chart is told its namespace", async () => {
  const { find } = await build({
    ...legacy("2.11.5"),
    installLinkerdCni: true,
    linkerdCniNamespace: "plugins",
  });
  assert.deepEqual(find(release, "linkerd-cni").inputs.values, {
    namespace: "plugins",
    installNamespace: false,
  });
  const { values } = find(release, "linkerd-control-plane").inputs as { values: { cniEnabled?: boolean } };
  assert.equal(values.cniEnabled, true);
});

test("what the control plane's values say of the proxies is handed to the plugin, where it takes it", async () => {
  const proxy = { ports: { inbound: 5143, admin: 5191 }, uid: 1000, gid: 1000 };
  const newest = await build({
    installLinkerdCni: true,
    linkerdControlPlaneValues: { proxy, disableIPv6: false },
  });
  assert.deepEqual(newest.find(release, "linkerd-cni").inputs.values, {
    inboundProxyPort: 5143,
    proxyAdminPort: 5191,
    proxyUID: 1000,
    proxyGID: 1000,
    disableIPv6: false,
  });
  const linkerd210 = await build({
    ...legacy("2.10.2"),
    installLinkerdCni: true,
    linkerdControlPlaneValues: { proxy },
  });
  assert.deepEqual(linkerd210.find(release, "linkerd-cni").inputs.values, {
    inboundProxyPort: 5143,
    proxyUID: 1000,
    namespace: "linkerd-cni",
    installNamespace: false,
  });
});

test("a plugin that would send traffic past the proxies is refused", () => {
  assert.deepEqual(findings({ linkerdCniValues: { inboundProxyPort: 5143 } }), [
    ["cni-proxy", "linkerdCniValues.inboundProxyPort"],
  ]);
  const linkerdControlPlaneValues = { proxy: { ports: { inbound: 5143 } } };
  assert.deepEqual(findings({ linkerdControlPlaneValues, linkerdCniValues: { inboundProxyPort: 5143 } }), []);
  assert.deepEqual(findings({ linkerdControlPlaneValues, linkerdCniValues: { inboundProxyPort: 4143 } }), [
    ["cni-proxy", "linkerdCniValues.inboundProxyPort"],
  ]);
});

test("cniEnabled is not the user's to set where the plugin is installed", () => {
  assert.deepEqual(findings({ linkerdControlPlaneValues: { cniEnabled: false } }), [
    ["owned-value", "linkerdControlPlaneValues.cniEnabled"],
  ]);
  assert.deepEqual(findings({ linkerdControlPlaneValues: { cniEnabled: true } }), []);
  assert.deepEqual(
    findings({ installLinkerdCni: false, linkerdControlPlaneValues: { cniEnabled: false } }),
    [],
  );
});

test("the values of an init container that is not there are refused", () => {
  const linkerdControlPlaneValues = { proxyInit: { ignoreOutboundPorts: "25" } };
  assert.deepEqual(findings({ linkerdControlPlaneValues }), [
    ["chart-value", "linkerdControlPlaneValues.proxyInit.ignoreOutboundPorts"],
  ]);
  assert.deepEqual(findings({ installLinkerdCni: false, linkerdControlPlaneValues }), []);
});

test("a value that the plugin's chart has elsewhere is refused", () => {
  const ignored = (version: string, values: Record<string, unknown>) =>
    findingsOf({
      installLinkerdCni: true,
      linkerdCniChartVersion: version,
      linkerdCniValues: values,
    })
      .filter(({ severity }) => severity === "error")
      .map(({ field, fix }) => [field.replace("linkerdCniValues.", ""), fix]);
  for (const [version, name, fix] of [
    ["2026.8.3", "installNamespace", /this program makes the namespace/],
    ["2026.8.3", "namespace", /linkerdCniNamespace/],
    ["2026.8.3", "cniPluginImage", /image\.name/],
    ["30.3.6", "image", /cniPluginImage/],
    ["30.3.8", "cniPluginImage", /image\.name/],
  ] as const) {
    const [[field, actual] = [], ...others] = ignored(version, { [name]: {} });
    assert.deepEqual(others, []);
    assert.equal(field, name);
    assert.match(actual!, fix);
  }
  for (const [version, name] of [
    ["2026.8.3", "image"],
    ["30.3.6", "cniPluginImage"],
    ["30.3.8", "image"],
  ] as const) {
    assert.deepEqual(ignored(version, { [name]: {} }), [], name);
  }
});

test("a chart that is no CNI plugin's, or makes its namespace itself, is refused", () => {
  const local = (linkerdCniChart: string) => findings({ linkerdCniChart });
  for (const chart of ["./linkerd2-cni", "../linkerd-cni-2026.8.3.tgz", "linkerd-cni"]) {
    assert.deepEqual(local(chart), [["chart-family", "linkerdCniChart"]], chart);
  }
  assert.deepEqual(local("./charts/linkerd2-cni-2026.8.3.tgz"), []);
  assert.deepEqual(findings({ linkerdCniChartVersion: "2.9.5" }), [["chart-family", "linkerdCniChart"]]);
  assert.deepEqual(findings({ linkerdCniChart: "" }).at(0), ["chart-name", "linkerdCniChart"]);
});

test("a plugin of another release than the control plane's is warned of", () => {
  const releases = (controlPlane: string, plugin: string) =>
    findingsOf({
      installLinkerdCni: true,
      linkerdControlPlaneChart: controlPlane.startsWith("2.") ? "linkerd2" : "linkerd-control-plane",
      linkerdControlPlaneChartVersion: controlPlane,
      linkerdCniChartVersion: plugin,
      rotateWebhookCredentials: false,
    })
      .filter(({ rule }) => rule === "cni-release")
      .map(({ rule, severity, message }) => [rule, severity, message]);
  for (const [controlPlane, plugin] of [
    ["2.10.2", "2.10.0"],
    ["1.9.8", "30.3.8"],
    ["1.12.7", "30.8.5"],
    ["1.13.0-edge", "30.8.1"],
    ["1.13.1-edge", "30.9.0-edge"],
    ["1.16.11", "30.12.2"],
    ["2026.8.3", "2026.8.3"],
  ] as const) {
    assert.deepEqual(releases(controlPlane, plugin), [], controlPlane);
  }
  assert.deepEqual(releases("1.16.11", "30.8.5"), [
    [
      "cni-release",
      "warning",
      "linkerd2-cni 30.8.5 belongs to Linkerd 2.13, and the control plane 1.16.11 to Linkerd 2.14.",
    ],
  ]);
  assert.deepEqual(releases("2026.8.3", "2026.7.1"), [
    [
      "cni-release",
      "warning",
      "linkerd2-cni 2026.7.1 belongs to Linkerd edge-26.7.1, and the control plane 2026.8.3 to Linkerd edge-26.8.3.",
    ],
  ]);
});

test("its namespace is its own", () => {
  for (const other of ["linkerd", "cert-manager"]) {
    assert.deepEqual(findings({ linkerdCniNamespace: other }), [
      ["distinct-namespaces", "linkerdCniNamespace"],
    ]);
  }
  assert.deepEqual(findings({ installLinkerdViz: true, linkerdVizNamespace: "linkerd-cni" }), [
    ["distinct-namespaces", "linkerdVizNamespace"],
  ]);
  assert.deepEqual(findings({ linkerdCniNamespace: "linkerd", installLinkerdCni: false }), [
    ["setting-effect", "linkerdCniNamespace"],
  ]);
  assert.deepEqual(findings({ linkerdCniNamespace: "Plugins" }), [["namespace-name", "linkerdCniNamespace"]]);
});
