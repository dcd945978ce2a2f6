import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import semver from "semver";
import { cniChartValues, hasCniValue } from "../../../rules/charts/cni.ts";
import { chartFamilies, gatewayApiValues } from "../../../rules/charts/families.ts";
import { highAvailabilityValues } from "../../../rules/charts/highAvailability.ts";
import { knownValues } from "../../../rules/charts/knownValues.ts";
import { checkUnknown } from "../../../rules/charts/unknownValues.ts";
import { controlPlaneWebhooks, vizWebhooks } from "../../../rules/linkerdNames.ts";
import { findingsOf, type Values } from "../../configured.ts";
import { assertWellFormed } from "../wellFormed.ts";

const everything = { trustAnchorSource: "cluster", installLinkerdCni: true, installLinkerdViz: true };

/** Rule, severity, field and fix of what is found with every chart installed. */
const found = (values: Values) =>
  findingsOf({ ...everything, ...values }).map(({ rule, severity, field, fix }) => [
    rule,
    severity,
    field,
    fix,
  ]);

const unknown = (chart: string, version: string, values: object) =>
  [...checkUnknown("values", { ...values }, chart, version)].map(({ field, fix }) => [field, fix]);

test("of every chart, a value that it does not have is warned of, with the nearest that it has", () => {
  for (const [key, values, path, near] of [
    ["certManagerValues", { webhook: { replicas: 2 } }, "webhook.replicas", undefined],
    ["certManagerValues", { webhook: { replicacount: 2 } }, "webhook.replicacount", "webhook.replicaCount"],
    ["certManagerValues", { extraArg: [] }, "extraArg", "extraArgs"],
    ["trustManagerValues", { app: { loglevel: 2 } }, "app.loglevel", "app.logLevel"],
    ["linkerdCrdsValues", { installGatewayApi: true }, "installGatewayApi", "installGatewayAPI"],
    ["linkerdControlPlaneValues", { controlerReplicas: 3 }, "controlerReplicas", "controllerReplicas"],
    ["linkerdControlPlaneValues", { proxy: { resource: { cpu: {} } } }, "proxy.resource", "proxy.resources"],
    [
      "linkerdControlPlaneValues",
      { proxy: { resources: { cpu: { limits: "1" } } } },
      "proxy.resources.cpu.limits",
      "proxy.resources.cpu.limit",
    ],
    ["linkerdControlPlaneValues", { opaquePorts: "25" }, "opaquePorts", "proxy.opaquePorts"],
    ["linkerdCniValues", { resourses: {} }, "resourses", "resources"],
    ["linkerdCniValues", { image: { tag: "1" } }, "image.tag", undefined],
    ["linkerdVizValues", { prometheusurl: "http://a" }, "prometheusurl", "prometheusUrl"],
    ["linkerdVizValues", { tap: { replica: pulumi.secret(2) } }, "tap.replica", "tap.replicas"],
  ] as const) {
    const fix =
      near === undefined ? "Remove it: the chart has nothing like it." : `Did you mean ${key}.${near}?`;
    assert.deepEqual(found({ [key]: values }), [["unknown-value", "warning", `${key}.${path}`, fix]]);
    findingsOf({ ...everything, [key]: values }).forEach(assertWellFormed);
  }
});

test("one mistake is told once: what has a rule of its own is told by that", () => {
  for (const [key, values, rule, path] of [
    ["linkerdControlPlaneValues", { global: { proxy: {} } }, "chart-value", "global"],
    ["linkerdControlPlaneValues", { identity: { issuer: { crtExpiry: "x" } } }, "chart-value", undefined],
    ["linkerdVizValues", { grafana: { enabled: true } }, "chart-value", "grafana.enabled"],
    ["linkerdCniValues", { cniPluginVersion: "x" }, "chart-value", "cniPluginVersion"],
    ["certManagerValues", { installCRDs: true }, "owned-value", "installCRDs"],
  ] as const) {
    const field = `${key}.${path ?? "identity.issuer.crtExpiry"}`;
    assert.deepEqual(
      found({ [key]: values }).map(([name, severity, at]) => [name, severity, at]),
      [[rule, "error", field]],
    );
  }
});

test("cert-manager's installCRDs is refused where it has no effect, or makes the chart fail", () => {
  assert.deepEqual(found({ certManagerValues: { installCRDs: false } }), []);
  // It retries less often than a newer one.
  const older = {
    certManagerChartVersion: "v1.14.7",
    certManagerValues: { installCRDs: true },
    issuerRenewBefore: "32h",
  };
  assert.deepEqual(found(older), []);
});

test("keys that are free, and parts of charts, are not warned of", () => {
  for (const [key, values] of [
    [
      "certManagerValues",
      {
        global: { anything: 1 },
        nodeSelector: { a: "b" },
        resources: { requests: { cpu: "10m" } },
        config: { kind: "ControllerConfiguration", featureGates: { A: true } },
        podAnnotations: { "a/b": "c" },
        webhook: { securityContext: { runAsUser: 1 }, networkPolicy: { enabled: true, egress: [{}] } },
        ingressShim: { defaultIssuerName: "a" },
      },
    ],
    ["trustManagerValues", { commonLabels: { a: "b" }, app: { podLabels: { a: "b" } }, resources: { a: 1 } }],
    ["linkerdCrdsValues", { partials: {} }],
    [
      "linkerdControlPlaneValues",
      {
        nodeSelector: { "node-role": "mesh" },
        podAnnotations: { a: "b" },
        podLabels: { a: "b" },
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: {} },
        deploymentStrategy: { type: "Recreate" },
        proxyInjector: { namespaceSelector: { matchLabels: { a: "b" } }, additionalEnv: [{ name: "A" }] },
        proxy: { additionalEnv: [{ name: "A" }], resources: { "ephemeral-storage": { limit: "1Gi" } } },
        destinationProxyResources: { cpu: { request: "1" } },
        podMonitor: { labels: { a: "b" } },
        // An anchor of upstream's values-ha.yaml, which no template reads.
        controllerResources: { cpu: { request: "100m" } },
        partials: { anything: 1 },
      },
    ],
    ["linkerdCniValues", { podLabels: { a: "b" }, tolerations: [{}], updateStrategy: { type: "OnDelete" } }],
    [
      "linkerdVizValues",
      {
        grafana: { url: "grafana:3000" },
        prometheus: { args: { "log.level": "info" }, globalConfig: { external_labels: {} }, persistence: {} },
        tap: { proxy: { resources: {} } },
        resources: { cpu: { request: "1" } },
        nodeSelector: { a: "b" },
      },
    ],
  ] as const) {
    assert.deepEqual(found({ [key]: values }), [], key);
  }
});

test("a value of other versions is told by them", () => {
  const fix = (range: string) => `Remove it, or install a version that has it: ${range}.`;
  assert.deepEqual(unknown("linkerd2-cni", "30.3.8", { resources: {} }), [
    ["values.resources", fix(">=30.6.0")],
  ]);
  const repair = [["values.repairController", fix(">=30.12.2 <30.13.0 || >=30.13.3")]];
  assert.deepEqual(unknown("linkerd2-cni", "30.12.1", { repairController: {} }), repair);
  assert.deepEqual(unknown("linkerd2-cni", "30.13.2-edge", { repairController: {} }), repair);
  assert.deepEqual(unknown("linkerd2-cni", "30.12.2", { repairController: {} }), []);
  assert.deepEqual(unknown("linkerd2", "2.11.5", { publicAPIResources: {} }), [
    ["values.publicAPIResources", fix("<2.11.0")],
  ]);
  assert.deepEqual(unknown("./charts/linkerd2-2.10.2.tgz", "", { publicAPIResources: {} }), []);
});

test("nothing is said of a chart or a version that is not known, nor of what may be new", () => {
  for (const [chart, version] of [
    ["linkerd-enterprise-control-plane", "2.18.0"],
    ["./charts/linkerd-control-plane", "2026.8.3"],
    ["cert-manager", "1.3.16"],
    ["cert-manager", ""],
    ["constructor", "1.0.0"],
    ["linkerd-control-plane", "2027.1.1"],
  ] as const) {
    assert.deepEqual(unknown(chart, version, { newerThanTheTable: {} }), [], chart);
  }
  const [newer] = checkUnknown("values", { controlerReplicas: 3 }, "linkerd-control-plane", "2027.1.1");
  assert.match(newer!.message, /^No version of linkerd-control-plane up to 2026\.8\.3 has this value/);
  assert.equal(newer!.fix, "Did you mean values.controllerReplicas?");
});

test("what this program sets itself is known to every chart that gets it", () => {
  for (const { name, versions } of Object.entries(knownValues).map(([name, { oldest, newest }]) => ({
    name,
    versions: [oldest, newest],
  }))) {
    for (const version of versions) {
      const family = chartFamilies.find(
        ({ chart, versions: range }) => chart === name && semver.satisfies(version, range),
      );
      if (family === undefined) continue;
      const webhooks = family.injectCaFrom ? controlPlaneWebhooks : [];
      const own = {
        ...highAvailabilityValues(family),
        identity: {
          ...(family.externalCA ? { externalCA: true } : {}),
          issuer: { scheme: "", issuanceLifetime: "", clockSkewAllowance: "" },
        },
        ...Object.fromEntries(webhooks.map(({ valuesKey }) => [valuesKey, { injectCaFrom: "" }])),
        ...{ clusterDomain: "", identityTrustDomain: "", identityTrustAnchorsPEM: "", cniEnabled: true },
      };
      assert.deepEqual(unknown(name, version, own), [], `${name} ${version}`);
    }
  }
  const newest = chartFamilies.at(-1)!;
  assert.deepEqual(unknown("linkerd-crds", "2026.8.3", gatewayApiValues(newest, true)), []);
  const viz = Object.fromEntries(vizWebhooks.map(({ valuesKey }) => [valuesKey, { injectCaFrom: "" }]));
  const ofViz = { linkerdNamespace: "", clusterDomain: "", identityTrustDomain: "", ...viz };
  for (const version of ["30.3.0", "2026.8.3"]) assert.deepEqual(unknown("linkerd-viz", version, ofViz), []);
});

test("the CNI plugin's values that this program sets are those that its charts have", () => {
  const { oldest, newest } = knownValues["linkerd2-cni"]!;
  for (const version of [
    oldest,
    "2.11.0",
    "30.3.6",
    "30.3.7",
    "30.4.0",
    "30.7.0",
    "2024.4.1",
    "2024.5.4",
    newest,
  ]) {
    for (const name of Object.keys(cniChartValues)) {
      const isKnown = unknown("linkerd2-cni", version, { [name]: {} }).length === 0;
      assert.equal(hasCniValue(semver.parse(version)!, name), isKnown, `${name} ${version}`);
    }
  }
});
