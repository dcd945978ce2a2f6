import assert from "node:assert/strict";
import { test } from "node:test";
import { types } from "../../../infra/config.ts";
import { findingsOf, type Values } from "../../configured.ts";
import { assertWellFormed } from "../wellFormed.ts";

const pem = { certificatePem: "" };
const vaultIssuer = {
  server: "https://vault:8200",
  path: "pki/root/sign-intermediate",
  auth: { tokenSecretRef: { name: "a", key: "b" } },
};
const local = (chart: string, version: string) => `./charts/${chart}-${version}.tgz`;
const localLinkerd = {
  linkerdCrdsChart: local("linkerd-crds", "2026.8.3"),
  linkerdControlPlaneChart: local("linkerd-control-plane", "2026.8.3"),
};
const noCertManager = { installCertManager: false };
const onCluster = { trustAnchorSource: "cluster" };
const login = { certManagerChartRepositoryUsername: "a", certManagerChartRepositoryPassword: "b" };
const ofLinkerd211 = {
  linkerdControlPlaneChart: "linkerd2",
  linkerdControlPlaneChartVersion: "2.11.5",
  rotateWebhookCredentials: false,
};

/** A setting, a value that is not its default, settings with which nothing reads it, and such with which something does. */
const cases: readonly (readonly [key: string, value: unknown, without: Values, effective: Values])[] = [
  ["certManagerNamespace", "pki", noCertManager, {}],
  ["certManagerNamespace", "pki", noCertManager, { ...noCertManager, ...onCluster }],
  ["certManagerNamespace", "pki", noCertManager, { ...noCertManager, vaultIssuer }],
  ["certManagerNamespace", "pki", noCertManager, { ...noCertManager, guardCredentials: true }],
  ["createCertManagerNamespace", false, noCertManager, {}],
  ["keepCertManagerCrds", true, noCertManager, {}],
  ["keepCertManagerCrds", true, noCertManager, { ...noCertManager, ...onCluster }],
  ["certManagerChart", "mine", noCertManager, {}],
  ["certManagerChartVersion", "v1.20.0", noCertManager, {}],
  ["certManagerChartVersion", "v1.20.0", { certManagerChart: local("cert-manager", "v1.21.2") }, {}],
  ["certManagerChartVersion", "v1.20.0", { certManagerChart: "./cert-manager" }, {}],
  [
    "certManagerChartVersion",
    "v1.20.0",
    noCertManager,
    { certManagerChart: local("cert-manager", "v1.20.0") },
  ],
  ["certManagerChartRepository", "https://a", noCertManager, {}],
  ["certManagerChartRepository", "https://a", noCertManager, { ...noCertManager, ...onCluster }],
  ["certManagerChartRepository", "https://a", { certManagerChart: "oci://a/cert-manager" }, {}],
  ["certManagerChartRepositoryUsername", "a", { ...login, ...noCertManager }, login],
  ["certManagerChartRepositoryPassword", "b", { ...login, ...noCertManager }, login],
  ["certManagerValues", { replicaCount: 2 }, noCertManager, {}],
  ["installTrustManager", false, {}, onCluster],
  ["trustManagerChart", "mine", {}, onCluster],
  ["trustManagerChart", "mine", { ...onCluster, installTrustManager: false }, onCluster],
  ["trustManagerChartVersion", "v0.20.0", {}, onCluster],
  ["trustManagerValues", { replicaCount: 2 }, {}, onCluster],
  ["trustManagerValues", { replicaCount: 2 }, { ...onCluster, installTrustManager: false }, onCluster],
  [
    "signingGeneration",
    2,
    { trustAnchorGenerations: [1, 2], vaultIssuer },
    { trustAnchorGenerations: [1, 2] },
  ],
  ["signingGeneration", 2, { trustAnchorGenerations: [1, 2], identityIssuerSource: "secret" }, {}],
  ["crossSignTrustAnchors", false, { vaultIssuer }, {}],
  ["distrustedTrustAnchors", [1], { trustAnchorGenerations: [1, 2], identityIssuerSource: "secret" }, {}],
  ["trustAnchorRotationAllowance", "100h", { identityIssuerSource: "secret" }, {}],
  ["trustAnchorValidityPeriodHours", 99999, { providedTrustAnchors: { 1: pem } }, {}],
  ["webhookCertificateDuration", "30h", { rotateWebhookCredentials: false }, {}],
  ["webhookCertificateRenewBefore", "3h", { rotateWebhookCredentials: false }, {}],
  ["linkerdChartRepository", "https://a", localLinkerd, { ...localLinkerd, installLinkerdViz: true }],
  ["linkerdCrdsChart", "mine", ofLinkerd211, {}],
  ["linkerdCrdsChartVersion", "2026.8.2", ofLinkerd211, {}],
  ["linkerdCrdsChartVersion", "2026.8.2", localLinkerd, {}],
  ["linkerdControlPlaneChartVersion", "2026.8.2", localLinkerd, {}],
  ["credentialWriters", ["velero"], {}, { guardCredentials: true }],
  ["createLinkerdCniNamespace", false, {}, { installLinkerdCni: true }],
  ["linkerdCniNamespace", "a", {}, { installLinkerdCni: true }],
  ["linkerdCniChart", "mine", {}, { installLinkerdCni: true }],
  ["linkerdCniChartVersion", "2026.8.2", {}, { installLinkerdCni: true }],
  ["linkerdCniValues", { logLevel: "debug" }, {}, { installLinkerdCni: true }],
  ["createLinkerdVizNamespace", false, {}, { installLinkerdViz: true }],
  ["linkerdVizNamespace", "a", {}, { installLinkerdViz: true }],
  ["linkerdVizChart", "mine", {}, { installLinkerdViz: true }],
  ["linkerdVizChartVersion", "2026.8.2", {}, { installLinkerdViz: true }],
  ["linkerdVizValues", { defaultLogLevel: "debug" }, {}, { installLinkerdViz: true }],
  ["alertLabels", { release: "a" }, {}, { installAlerts: true }],
];

/** Refused by rules of their own where they have no effect. */
const refused = [
  "clusterTrustAnchorDuration",
  "clusterTrustAnchorRenewBefore",
  "trustAnchorGenerations",
  "providedTrustAnchors",
  "issuerDuration",
  "issuerRenewBefore",
  "identityIssuerRef",
  "vaultIssuer",
  "linkerdChartRepositoryUsername",
  "linkerdChartRepositoryPassword",
  "linkerdCrdsValues",
  "installGatewayApi",
];

/** Read whatever else is set. */
const always = [
  "linkerdNamespace",
  "createLinkerdNamespace",
  "clusterDomain",
  "trustDomain",
  "trustAnchorSource",
  "trustAnchorWarnBefore",
  "protectTrustAnchors",
  "identityIssuerSource",
  "issuanceLifetime",
  "clockSkewAllowance",
  "rotateWebhookCredentials",
  "installCertManager",
  "linkerdControlPlaneChart",
  "highAvailability",
  "linkerdControlPlaneValues",
  "installLinkerdCni",
  "installLinkerdViz",
  "guardCredentials",
  "installAlerts",
  "helmTimeoutSeconds",
  "kubeconfig",
  "kubeContext",
];

test("every setting has been thought of", () => {
  const tested = cases.map(([key]) => key);
  assert.deepEqual([...new Set([...tested, ...refused, ...always])].sort(), Object.keys(types).sort());
});

test("a setting without effect is warned of, and not where it has one", () => {
  const warned = (values: Values, key: string) =>
    findingsOf(values).filter(({ rule, field }) => rule === "setting-effect" && field === key);
  for (const [key, value, without, effective] of cases) {
    const about = `${key} with ${JSON.stringify(without)}`;
    const [finding, ...others] = warned({ ...without, [key]: value }, key);
    assert.ok(finding !== undefined && others.length === 0, about);
    assert.equal(finding.severity, "warning");
    assertWellFormed(finding);
    assert.deepEqual(warned({ ...effective, [key]: value }, key), [], about);
    // The default is not set by anyone.
    assert.deepEqual(warned(without, key).length, Object.hasOwn(without, key) ? 1 : 0, about);
  }
});

test("the reason is told in the words of the configuration", () => {
  const findings = findingsOf({ ...noCertManager, certManagerValues: { installCRDs: true } });
  const finding = findings.find(({ field }) => field === "certManagerValues");
  assert.equal(finding!.message, "This has no effect: installCertManager is false.");
});
