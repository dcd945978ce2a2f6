import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { build, findingsOf, type Values } from "../../configured.ts";

const foreign = { installCertManager: false };
const issuer = (issuerRenewBefore: string, values: Values = {}) => ({
  issuerDuration: "1000h",
  issuerRenewBefore,
  issuanceLifetime: "1m",
  ...values,
});
/** cert-manager's own waits, said by its user. */
const standard = { certManagerValues: { config: { certificateRequestMaximumBackoffDuration: "32h" } } };

const found = (values: Values) => findingsOf(values).map(({ rule, field }) => `${field}: ${rule}`);
const warned = ["issuerRenewBefore: retries-in-time"];

test("with the defaults, every renewal is tried again in time", () => {
  assert.deepEqual(found({}), []);
});

test("with cert-manager's own waits, the default issuer survives four failures, and its webhooks three", () => {
  for (const values of [foreign, standard, { certManagerChartVersion: "v1.20.3" }]) {
    const [finding, ...others] = findingsOf(values);
    assert.deepEqual(others, []);
    assert.equal(finding!.rule, "retries-in-time");
    assert.equal(finding!.severity, "warning");
    assert.equal(finding!.field, "issuerRenewBefore");
    assert.match(finding!.message, /^25h before the certificate's end, its renewal begins\./);
    assert.match(
      finding!.message,
      /tried again 4 times, at last after 15h, and not in the 10h before the end/,
    );
    assert.match(finding!.message, /the next try is after 31h\. .*1h after a first failure, .*up to 32h/);
    assert.match(finding!.fix, /^Set issuerRenewBefore to 32h,/);
    assert.equal(/if nobody has set this otherwise/.test(finding!.message), values === foreign);
  }
  // As the fix says.
  assert.deepEqual(found({ ...foreign, issuerDuration: "56h", issuerRenewBefore: "32h" }), []);
});

test("Linkerd's hour for a webhook is too short for another try, however often cert-manager tries", () => {
  for (const values of [{}, foreign]) {
    const [finding] = findingsOf({ webhookCertificateRenewBefore: "1h", ...values });
    assert.equal(finding!.field, values === foreign ? "issuerRenewBefore" : "webhookCertificateRenewBefore");
  }
  const [finding, ...others] = findingsOf({ webhookCertificateRenewBefore: "1h" });
  assert.deepEqual(others, []);
  assert.match(finding!.message, /it is not tried again in time: the next try is after 1h\./);
  assert.match(finding!.fix, /^Set webhookCertificateRenewBefore to 3h,/);
  assert.deepEqual(found({ webhookCertificateRenewBefore: "1h", rotateWebhookCredentials: false }), [
    "webhookCertificateRenewBefore: setting-effect",
  ]);
});

test("two failures are survived, and the last hour before the end has a try: each bound holds to the second", () => {
  for (const [renewBefore, values, rules] of [
    ["2h", {}, warned],
    ["2h1s", {}, []],
    ["999h", {}, []],
    ["3h", standard, warned],
    ["3h1s", standard, []],
    ["4h", standard, []],
    ["4h1s", standard, warned],
    ["7h", standard, warned],
    ["7h1s", standard, []],
    ["16h", standard, []],
    ["16h1s", standard, warned],
    ["63h1s", standard, []],
    // From here on, it waits 32h each time.
    ["95h1s", standard, []],
    ["96h1s", standard, warned],
  ] as const) {
    assert.deepEqual(found(issuer(renewBefore, values)), rules, renewBefore);
  }
});

test("what the user's values say counts, an argument more than the file", async () => {
  const file = (config: Values) => ({ certManagerValues: { config } });
  for (const [values, hours, rules] of [
    [file({ certificateRequestMaximumBackoffDuration: "2h" }), "25h", warned],
    [file({ certificateRequestMaximumBackoffDuration: "0" }), "25h", warned],
    [file({ certificateRequestMaximumBackoffDuration: "30m" }), "25h", []],
    [{ certManagerChart: "./cert-manager" }, "25h", warned],
    [
      { certManagerChart: "./cert-manager", ...file({ certificateRequestMaximumBackoffDuration: "1h" }) },
      "25h",
      [],
    ],
    [file({ certificateRequestMinimumBackoffDuration: "10m" }), "31m", []],
    [file({ certificateRequestMinimumBackoffDuration: "10m" }), "30m", warned],
    [
      { ...file({ certificateRequestMinimumBackoffDuration: "2h" }), rotateWebhookCredentials: false },
      "25h",
      warned,
    ],
    [file({ certificateRequestMaximumBackoffDuration: pulumi.secret("32h") }), "25h", []],
    [
      { certManagerValues: { extraArgs: ["--certificate-request-maximum-backoff-duration=32h"] } },
      "25h",
      warned,
    ],
    [{ certManagerChartVersion: pulumi.output("v1.20.3") }, "25h", []],
  ] as const) {
    assert.deepEqual(found(issuer(hours, values)), rules, JSON.stringify(values));
  }
});

test("one mistake is one finding", () => {
  const rulesOf = (issuerRenewBefore: string) => found({ ...foreign, issuerRenewBefore });
  assert.deepEqual(rulesOf("48h"), ["issuerRenewBefore: renew-before-duration"]);
  assert.deepEqual(rulesOf("later"), ["issuerRenewBefore: duration-syntax"]);
  assert.deepEqual(found({ ...foreign, identityIssuerSource: "secret" }), []);
  assert.deepEqual(found({ certManagerChartVersion: "" }), ["certManagerChartVersion: chart-version"]);
});

test("cert-manager is told to try every hour from 1.21 on, and its user has the last word", async () => {
  const configOf = async (values: Values) => {
    const { find } = await build(values);
    const release = find("kubernetes:helm.sh/v3:Release", "linkerd-cert-manager");
    return (release.inputs.values as { config?: unknown }).config;
  };
  const hourly = { certificateRequestMaximumBackoffDuration: "1h" };
  assert.deepEqual(await configOf({}), hourly);
  for (const certManagerChart of ["oci://mirror.example.com/cert-manager", "./cert-manager-v1.21.2.tgz"]) {
    assert.deepEqual(await configOf({ certManagerChart }), hourly);
  }
  assert.deepEqual(await configOf({ certManagerChartVersion: pulumi.output("v1.21.0") }), hourly);
  for (const certManagerChartVersion of ["v1.20.3", pulumi.output("v1.20.3")]) {
    assert.equal(await configOf({ certManagerChartVersion }), undefined);
  }
  assert.equal(await configOf({ certManagerChart: "./my-cert-manager" }), undefined);
  const config = { certificateRequestMaximumBackoffDuration: "2h" };
  assert.deepEqual(await configOf({ certManagerValues: { config } }), config);
  // With a longest wait that is shorter than the shortest, it would not start.
  const slow = { certificateRequestMinimumBackoffDuration: "2h" };
  assert.deepEqual(await configOf({ certManagerValues: { config: slow } }), slow);
});
