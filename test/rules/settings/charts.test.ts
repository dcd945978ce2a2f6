import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf, type Values } from "../../configured.ts";

const oci = "oci://registry.example.com/charts/";
const check = (values: Values) => findingsOf(values).map(({ field, message }) => `${field}: ${message}`);

test("charts of a repository, of a registry, and local ones", () => {
  for (const values of [
    {},
    { linkerdChartRepositoryUsername: "reader", linkerdChartRepositoryPassword: "hidden" },
    { certManagerChart: `${oci}cert-manager` },
    {
      certManagerChart: "../cert-manager-v1.21.2.tgz",
      certManagerChartVersion: "",
      certManagerChartRepository: "",
    },
  ]) {
    assert.deepEqual(check(values), []);
  }
});

test("sources that cannot be are refused, each mistake once", () => {
  const noSource =
    "is neither a chart's name, nor a reference oci://…, nor a path that starts with ./ or ../.";
  for (const [values, finding] of [
    [{ certManagerChart: "/charts/a.tgz" }, `certManagerChart: "/charts/a.tgz" ${noSource}`],
    [{ certManagerChart: "https://a/b.tgz" }, `certManagerChart: "https://a/b.tgz" ${noSource}`],
    [{ certManagerChart: "" }, `certManagerChart: "" ${noSource}`],
    [
      { linkerdChartRepository: "linkerd", installLinkerdCni: true },
      'linkerdChartRepository: "linkerd" is not the URL of a chart repository.',
    ],
    [
      { certManagerChartRepository: "oci://registry.example.com" },
      'certManagerChartRepository: "oci://registry.example.com" is not the URL of a chart repository.',
    ],
    [
      { certManagerChartVersion: "" },
      "certManagerChartVersion: The version is empty, so each run would install whichever chart is the newest.",
    ],
    [
      { linkerdChartRepositoryUsername: "reader" },
      "linkerdChartRepositoryPassword: This is not set, but linkerdChartRepositoryUsername is.",
    ],
    [
      { certManagerChartRepositoryPassword: "hidden" },
      "certManagerChartRepositoryUsername: This is not set, but certManagerChartRepositoryPassword is.",
    ],
    [
      { certManagerChart: `${oci}cert-manager`, certManagerChartRepositoryPassword: "hidden" },
      `certManagerChartRepositoryPassword: Only a chart repository takes a login, and certManagerChart is ${oci}cert-manager.`,
    ],
    [{ helmTimeoutSeconds: 0 }, "helmTimeoutSeconds: 0 is not a whole number of seconds, 1 or more."],
  ] as const) {
    assert.deepEqual(check(values), [finding]);
  }
});

test("no refusal shows a password", () => {
  const findings = findingsOf({ linkerdChartRepositoryPassword: "hidden" });
  assert.equal(findings.length, 1);
  assert.ok(!JSON.stringify(findings).includes("hidden"));
});
