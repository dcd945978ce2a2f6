/** The examples and ranges of docs/configuration.md are what the rules say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { settingExamples } from "../../docs/settingExamples.ts";
import { types } from "../../infra/config.ts";
import { findingsOf, type Values } from "../configured.ts";

/** Why these settings are refused, or have no effect. Other warnings are about charts that nobody knows. */
const refusals = (values: Values) =>
  findingsOf(values).filter(({ severity, rule }) => severity === "error" || rule === "setting-effect");

test("every setting has an example, but for booleans, and nothing else has", () => {
  const named = Object.entries(types).filter(([, { name }]) => name !== "boolean");
  assert.deepEqual(Object.keys(settingExamples).sort(), named.map(([key]) => key).sort());
});

for (const [key, { example, with: besides }] of Object.entries(settingExamples)) {
  // Its files are read before it is a setting; which cluster is no setting of the mesh.
  if (["providedTrustAnchors", "kubeconfig", "kubeContext"].includes(key)) continue;
  test(`the example of ${key} is accepted`, () => {
    assert.deepEqual(refusals({ ...besides, [key]: example }), []);
  });
}

const onCluster = { trustAnchorSource: "cluster", certManagerChartVersion: "v1.20.0" };

for (const [key, outside, besides] of [
  ["linkerdNamespace", "default"],
  ["linkerdNamespace", "kube-linkerd"],
  ["clusterDomain", "Cluster.Local"],
  ["trustAnchorSource", "vault"],
  ["clusterTrustAnchorDuration", "8200h", onCluster],
  ["clusterTrustAnchorRenewBefore", "721h", onCluster],
  ["clusterTrustAnchorRenewBefore", "72h", onCluster],
  ["trustAnchorGenerations", []],
  ["trustAnchorGenerations", [2, 1]],
  ["trustAnchorGenerations", [0]],
  ["signingGeneration", 2],
  ["trustAnchorValidityPeriodHours", 0],
  ["trustAnchorValidityPeriodHours", 72],
  ["trustAnchorValidityPeriodHours", 2_562_048],
  ["trustAnchorWarnBefore", "-1h"],
  ["issuerDuration", "59m", { issuerRenewBefore: "10m", issuanceLifetime: "5m" }],
  ["issuerDuration", "25h"],
  ["issuerRenewBefore", "4m", { issuanceLifetime: "1m" }],
  ["issuerRenewBefore", "24h"],
  ["identityIssuerSource", "vault"],
  ["issuanceLifetime", "0h"],
  ["issuanceLifetime", "25h"],
  ["clockSkewAllowance", "-1s"],
  ["webhookCertificateDuration", "59m", { webhookCertificateRenewBefore: "10m" }],
  ["webhookCertificateDuration", "43801h"],
  ["webhookCertificateRenewBefore", "4m"],
  ["webhookCertificateRenewBefore", "24h"],
  ["certManagerChart", "/charts/cert-manager.tgz"],
  ["certManagerChartVersion", "^1.20.0"],
  ["certManagerChartRepository", "charts.example.com"],
  ["certManagerChartRepositoryPassword", "…"],
  ["helmTimeoutSeconds", 0],
] as [string, unknown, Values?][]) {
  test(`${key}: ${JSON.stringify(outside)} is outside of its range`, () => {
    assert.notDeepEqual(refusals({ ...besides, [key]: outside }), []);
  });
}

test("the longest validity of an anchor, and the least of each duration, are inside", () => {
  for (const values of [
    { trustAnchorValidityPeriodHours: 2_562_047 },
    { issuerDuration: "1h", issuerRenewBefore: "10m", issuanceLifetime: "5m" },
    { webhookCertificateDuration: "1h", webhookCertificateRenewBefore: "5m" },
    { webhookCertificateDuration: "43800h" },
    { ...onCluster, clusterTrustAnchorDuration: "8928h", clusterTrustAnchorRenewBefore: "168h" },
    { helmTimeoutSeconds: 1 },
    { clockSkewAllowance: "0s" },
    { trustAnchorWarnBefore: "0" },
  ]) {
    assert.deepEqual(refusals(values), []);
  }
});
