import assert from "node:assert/strict";
import { test } from "node:test";
import { waitForPatched } from "../../components/objects/patchedField.ts";
import { build, findingsOf, type Values } from "../configured.ts";

const refusals = (args: Values) =>
  findingsOf({ installLinkerdViz: true, ...args }).map(({ rule, field }) => [rule, field]);

test("the extension is installed after the control plane, over credentials of its own", async () => {
  const { find } = await build({
    installLinkerdViz: true,
    linkerdNamespace: "mesh",
    trustDomain: "example.org",
    linkerdVizValues: { tap: { replicas: 2 } },
  });
  const release = find("kubernetes:helm.sh/v3:Release", "linkerd-viz");
  assert.deepEqual(release.inputs.values, {
    linkerdNamespace: "mesh",
    clusterDomain: "cluster.local",
    identityTrustDomain: "example.org",
    tap: { replicas: 2, externalSecret: true, injectCaFrom: "linkerd-viz/tap" },
    tapInjector: { externalSecret: true, injectCaFrom: "linkerd-viz/tap-injector" },
  });
  assert.ok(release.dependencies.includes("kubernetes:helm.sh/v3:Release linkerd-control-plane"));
  assert.deepEqual(find("kubernetes:core/v1:Namespace", "linkerd-viz-namespace").inputs.metadata, {
    name: "linkerd-viz",
    labels: { "linkerd.io/extension": "viz", "pod-security.kubernetes.io/enforce": "privileged" },
  });
  const patch = find("kubernetes:apiregistration.k8s.io/v1:APIServicePatch", "linkerd-viz-tap");
  assert.deepEqual(patch.inputs.metadata, {
    name: "v1alpha1.tap.linkerd.io",
    annotations: waitForPatched(".spec.caBundle"),
  });
});

test("an injector that has to be asked is not asked where the control plane's is not", async () => {
  const tapInjectorOf = async (tapInjector: object) => {
    const { find } = await build({ installLinkerdViz: true, linkerdVizValues: { tapInjector } });
    const { values } = find("kubernetes:helm.sh/v3:Release", "linkerd-viz").inputs;
    return (values as { tapInjector: Record<string, unknown> }).tapInjector;
  };
  const failing = await tapInjectorOf({ failurePolicy: "Fail" });
  assert.deepEqual(failing.namespaceSelector, {
    matchExpressions: [
      { key: "config.linkerd.io/admission-webhooks", operator: "NotIn", values: ["disabled"] },
      { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "cert-manager"] },
    ],
  });
  const namespaceSelector = { matchLabels: { tapped: "true" }, matchExpressions: [] };
  assert.deepEqual(
    (await tapInjectorOf({ failurePolicy: "Fail", namespaceSelector })).namespaceSelector,
    namespaceSelector,
  );
});

test("nothing of it is made where it is not asked for", async () => {
  const { registrations } = await build({});
  assert.deepEqual(
    registrations.filter(({ name }) => name.includes("viz")),
    [],
  );
});

test("where the chart makes the credentials, nothing of them is made here", async () => {
  const { registrations, find } = await build({ installLinkerdViz: true, rotateWebhookCredentials: false });
  assert.ok(!registrations.some(({ name }) => /^linkerd-viz-(webhooks|tap)/.test(name)));
  const { values } = find("kubernetes:helm.sh/v3:Release", "linkerd-viz").inputs;
  assert.equal((values as Record<string, unknown>).tap, undefined);
});

test("values that would undo its credentials are refused", () => {
  const linkerdVizValues = { tap: { crtPEM: "…" }, tapInjector: { injectCaFrom: "a/b" } };
  assert.deepEqual(refusals({ linkerdVizValues }), [
    ["owned-value", "linkerdVizValues.tap.crtPEM"],
    ["owned-value", "linkerdVizValues.tapInjector.injectCaFrom"],
  ]);
  assert.deepEqual(refusals({ linkerdVizValues, rotateWebhookCredentials: false }), []);
});

test("values that its chart would ignore are refused, each with what to do", () => {
  const linkerdVizValues = {
    installNamespace: true,
    namespace: "viz",
    cniEnabled: true,
    global: { tap: {} },
    grafanaUrl: "grafana:3000",
    grafana: { enabled: false, url: "grafana:3000" },
    defaultLogLevel: "debug",
  };
  assert.deepEqual(refusals({ linkerdVizValues }), [
    ["chart-value", "linkerdVizValues.installNamespace"],
    ["chart-value", "linkerdVizValues.namespace"],
    ["chart-value", "linkerdVizValues.cniEnabled"],
    ["chart-value", "linkerdVizValues.global"],
    ["chart-value", "linkerdVizValues.grafanaUrl"],
    ["chart-value", "linkerdVizValues.grafana.enabled"],
  ]);
});

test("where a CNI plugin is, its namespace has the control plane's pod-security level", async () => {
  const { find } = await build({ installLinkerdViz: true, installLinkerdCni: true });
  const { metadata } = find("kubernetes:core/v1:Namespace", "linkerd-viz-namespace").inputs as {
    metadata: { labels: Record<string, string> };
  };
  assert.equal(metadata.labels["pod-security.kubernetes.io/enforce"], "restricted");
});

test("a namespace that is another's, or too long for its webhooks' names, is refused", () => {
  assert.deepEqual(refusals({ linkerdVizNamespace: "linkerd" }), [
    ["distinct-namespaces", "linkerdVizNamespace"],
  ]);
  assert.deepEqual(refusals({ linkerdVizNamespace: "cert-manager" }), [
    ["distinct-namespaces", "linkerdVizNamespace"],
  ]);
  assert.deepEqual(refusals({ linkerdVizNamespace: "n".repeat(48) }), [
    ["common-name-length", "linkerdVizNamespace"],
  ]);
  assert.deepEqual(refusals({ linkerdVizNamespace: "n".repeat(46) }), []);
});

test("it is refused with Linkerd before 2.12, whose extension cannot take its CA from cert-manager", () => {
  const settings = {
    linkerdControlPlaneChart: "linkerd2",
    linkerdControlPlaneChartVersion: "2.11.5",
    rotateWebhookCredentials: false,
  };
  assert.deepEqual(refusals(settings), [["chart-feature", "installLinkerdViz"]]);
  assert.deepEqual(refusals({ ...settings, installLinkerdViz: false }), []);
});
