import assert from "node:assert/strict";
import { test } from "node:test";
import { chartFamilies, familyOf, supportedCharts } from "../../../rules/charts/families.ts";
import type { HelmValues } from "../../../rules/charts/values.ts";
import { build, findingsOf, type Values } from "../../configured.ts";

const family = (chart: string, version = "") => familyOf(chart, version)?.linkerd;
const refusals = (settings: Values) =>
  findingsOf(settings)
    .filter(({ severity }) => severity === "error")
    .map(({ field, message }) => `${field}: ${message}`);

test("the family follows from name and version", () => {
  for (const [chart, version, linkerd] of [
    ["linkerd2", "2.10.2", "2.10"],
    ["linkerd2", "2.11.5", "2.11"],
    ["linkerd-control-plane", "1.9.8", "2.12, and edges to edge-22.12"],
    ["linkerd-control-plane", "1.12.7", "2.13, and edges from edge-23.1 to edge-23.6"],
    ["linkerd-control-plane", "1.13.8-edge", "2.14, and edges from edge-23.7 to edge-24.2"],
    ["linkerd-control-plane", "1.16.11", "2.14, and edges from edge-23.7 to edge-24.2"],
    ["linkerd-control-plane", "1.18.11-edge", "2.14, and edges from edge-23.7 to edge-24.2"],
    ["linkerd-control-plane", "2024.10.3", "edge-24.3 to edge-24.10.3"],
    ["linkerd-control-plane", "2025.2.3", "edge-24.10.4 to edge-25.2"],
    ["linkerd-control-plane", "2025.3.1", "edge-25.3 to edge-26.4"],
    ["linkerd-control-plane", "2026.8.3", "edge-26.5 and newer"],
    ["oci://registry.example.com/charts/linkerd-control-plane", "2026.8.3", "edge-26.5 and newer"],
  ] as const) {
    assert.equal(family(chart, version), linkerd, `${chart} ${version}`);
  }
});

test("a local archive's own name counts, in Helm's form", () => {
  assert.equal(family("./charts/linkerd2-2.10.2.tgz", "2026.8.3"), "2.10");
  assert.equal(
    family("../linkerd-control-plane-1.13.1-edge.tgz"),
    "2.13, and edges from edge-23.1 to edge-23.6",
  );
});

test("where it cannot be told, the error says what to set", () => {
  for (const chart of ["./charts/linkerd-control-plane", "./linkerd.tgz", "../other-1.2.3.tgz"]) {
    const [finding, ...others] = findingsOf({ linkerdControlPlaneChart: chart });
    assert.deepEqual(others, []);
    assert.equal(finding!.field, "linkerdControlPlaneChart");
    assert.match(finding!.fix, /linkerdControlPlaneChartVersion.*<name>-<version>\.tgz/);
  }
  for (const version of ["2.12.0", "1.8.9"]) {
    assert.deepEqual(
      refusals({ linkerdControlPlaneChartVersion: version }),
      [
        `linkerdControlPlaneChart: Unknown chart "linkerd-control-plane" in version "${version}". Supported: linkerd2 >=2.10.0 <2.12.0, linkerd-control-plane >=1.9.0.`,
      ],
      version,
    );
  }
});

test("what is called supported is what the table has", () => {
  for (const [chart, families] of Object.entries(Object.groupBy(chartFamilies, (one) => one.chart))) {
    const [from] = families[0]!.versions.split(" ");
    const [, below] = families.at(-1)!.versions.split(" ");
    assert.match(supportedCharts, new RegExp(`${chart} ${from}${below ? ` ${below}` : ""}(,|$)`));
  }
});

test("families follow each other without a gap, and none overlaps", () => {
  for (const [index, { chart, versions }] of chartFamilies.entries()) {
    const next = chartFamilies[index + 1];
    const [, end] = / <(.*)$/.exec(versions) ?? [];
    // From 2024 on the charts' versions are years.
    if (next?.chart !== chart || (end === "2.0.0" && next.versions.startsWith(">=2024"))) continue;
    assert.ok(next.versions.startsWith(`>=${end}`), `${versions}, then ${next.versions}`);
  }
});

const at = (version: string, values: HelmValues): Values => ({
  linkerdControlPlaneChart: version.startsWith("2.") ? "linkerd2" : "linkerd-control-plane",
  linkerdControlPlaneChartVersion: version,
  linkerdControlPlaneValues: values,
  rotateWebhookCredentials: false,
});

test("a value that the chart ignores in silence is refused", () => {
  for (const [version, values, field] of [
    ["1.9.8", { installNamespace: true }, "installNamespace"],
    ["2026.8.3", { installNamespace: true }, "installNamespace"],
    ["2026.8.3", { namespace: "mesh" }, "namespace"],
    ["2026.8.3", { global: { proxy: {} } }, "global"],
    ["2.10.2", { global: { proxy: {} } }, "global"],
    ["2.11.5", { identity: { issuer: { crtExpiry: "2030-01-01" } } }, "identity.issuer.crtExpiry"],
  ] as const) {
    const [refusal, ...others] = refusals(at(version, values));
    assert.deepEqual(others, [], version);
    assert.match(
      refusal!,
      new RegExp(`^linkerdControlPlaneValues\\.${field}: The chart .* silently ignores this value`),
    );
  }
});

test("where a CNI plugin is, values of the init container in its place are refused", () => {
  for (const [version, proxyInit] of [
    ["2026.8.3", { ignoreInboundPorts: "25" }],
    ["2026.8.3", { skipSubnets: "10.0.0.0/8" }],
    ["2.10.2", { ignoreOutboundPorts: "25" }],
  ] as const) {
    const [name] = Object.keys(proxyInit);
    const [refusal, ...others] = refusals(at(version, { cniEnabled: true, proxyInit }));
    assert.deepEqual(others, [], version);
    assert.match(
      refusal!,
      new RegExp(
        `^linkerdControlPlaneValues\\.proxyInit\\.${name}: The chart .* with cniEnabled silently ignores this value`,
      ),
    );
    assert.deepEqual(refusals(at(version, { cniEnabled: false, proxyInit })), []);
  }
  assert.deepEqual(refusals(at("2026.8.3", { cniEnabled: true, proxyInit: { resources: {} } })), []);
});

test("a feature that the chart does not have is refused", () => {
  for (const [version, values] of [
    ["2.10.2", { identity: { externalCA: true } }],
    ["2.11.5", { proxyInjector: { injectCaFrom: "linkerd/x" } }],
    ["2.10.2", { profileValidator: { injectCaFromSecret: "linkerd/x" } }],
  ] as const) {
    const [refusal, ...others] = refusals(at(version, values));
    assert.deepEqual(others, [], version);
    assert.match(refusal!, /does not have this feature, and silently ignores this value/);
  }
  assert.deepEqual(refusals(at("1.9.8", { proxyInjector: { injectCaFrom: "linkerd/x" } })), []);
  assert.match(refusals({ ...at("1.9.8", {}), installGatewayApi: true })[0]!, /^installGatewayApi: /);
  assert.match(
    refusals({ ...at("2.10.2", {}), linkerdCrdsValues: { a: 1 } })[0]!,
    /^linkerdCrdsValues: .* no chart of definitions/,
  );
});

test("webhook credentials from cert-manager, which are the default, are refused before 2.12", () => {
  const { rotateWebhookCredentials: _, ...settings } = at("2.10.2", {});
  assert.deepEqual(refusals(settings), [
    "rotateWebhookCredentials: The webhooks of Linkerd 2.10 do not take their CA from cert-manager (injectCaFrom).",
  ]);
});

test("what would undo a safety property is refused at its path in each family", () => {
  assert.match(
    refusals(at("2.10.2", { identityTrustAnchorsPEM: "mine" }))[0]!,
    /^linkerdControlPlaneValues\.identityTrustAnchorsPEM: This value may not be set\./,
  );
  assert.match(
    refusals(at("2.10.2", { installNamespace: true }))[0]!,
    /^linkerdControlPlaneValues\.installNamespace: This program sets this value to false/,
  );
  assert.match(
    refusals({ ...at("2026.8.3", {}), linkerdCrdsValues: { installGatewayAPI: true } })[0]!,
    /^linkerdCrdsValues\.installGatewayAPI: This program sets this value to false/,
  );
  for (const [version, path] of [
    ["2026.8.3", "enableTcpRoutes"],
    ["2025.2.3", "enableTlsRoutes"],
  ] as const) {
    assert.match(
      refusals({ ...at(version, {}), linkerdCrdsValues: { [path]: true } })[0]!,
      new RegExp(`^linkerdCrdsValues\\.${path}: This program sets this value to false`),
    );
  }
  assert.deepEqual(
    refusals({
      ...at("2026.8.3", {}),
      installGatewayApi: true,
      linkerdCrdsValues: { installGatewayAPI: true },
    }),
    [],
  );
});

const release = "kubernetes:helm.sh/v3:Release";

async function releases(values: Values) {
  const { registrations } = await build({ installCertManager: false, ...values });
  return registrations
    .filter(({ type }) => type === release)
    .map(({ inputs }) => inputs as { name: string; values: Record<string, unknown> });
}

test("Linkerd before 2.12 is one release, which is told its namespace", async () => {
  const [only, ...others] = await releases({ ...at("2.10.2", {}), linkerdNamespace: "mesh" });
  assert.deepEqual(others, []);
  assert.equal(only!.name, "linkerd2");
  const { identityTrustAnchorsPEM, ...rest } = only!.values;
  assert.match(String(identityTrustAnchorsPEM), /^-----BEGIN CERTIFICATE-----/);
  assert.deepEqual(rest, {
    clusterDomain: "cluster.local",
    identityTrustDomain: "cluster.local",
    namespace: "mesh",
    installNamespace: false,
    identity: {
      issuer: { scheme: "kubernetes.io/tls", issuanceLifetime: "24h", clockSkewAllowance: "20s" },
    },
  });
});

test("the Gateway API's definitions have one owner, by the name that each chart gives the switch", async () => {
  for (const [version, install, values] of [
    ["2026.8.3", false, { installGatewayAPI: false }],
    ["2026.8.3", true, { installGatewayAPI: true }],
    ["1.16.11", true, { enableHttpRoutes: true }],
    ["2024.10.3", false, { enableHttpRoutes: false }],
    ["2024.10.4", false, { enableHttpRoutes: false, enableTlsRoutes: false, enableTcpRoutes: false }],
    ["2025.2.3", true, { enableHttpRoutes: true, enableTlsRoutes: true, enableTcpRoutes: true }],
    ["1.12.7", false, {}],
  ] as const) {
    const [crds] = await releases({ ...at(version, {}), installGatewayApi: install });
    assert.equal(crds!.name, "linkerd-crds");
    assert.deepEqual(crds!.values, values, version);
  }
});

test("high availability: upstream's numbers, and the user's win", async () => {
  const [, controlPlane] = await releases({
    ...at("2026.8.3", { controllerReplicas: 2, proxy: { resources: { cpu: { request: "10m" } } } }),
    highAvailability: true,
  });
  const { values } = controlPlane!;
  assert.equal(values.controllerReplicas, 2);
  assert.deepEqual(values.proxy, {
    resources: { cpu: { request: "10m" }, memory: { limit: "250Mi", request: "20Mi" } },
  });
  assert.equal(values.enablePodAntiAffinity, true);
  assert.equal(values.webhookFailurePolicy, "Fail");
  assert.equal(values.highAvailability, true);
  for (const unread of ["controllerResources", "policyControllerResources", "controller"]) {
    assert.equal(values[unread], undefined, `no template reads ${unread}, or it repeats the chart's default`);
  }
  const [, plain] = await releases(at("2026.8.3", {}));
  assert.equal(plain!.values.controllerReplicas, undefined);
  const [legacy] = await releases({ ...at("2.10.2", {}), highAvailability: true });
  assert.equal(legacy!.values.controllerReplicas, 3);
});
