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
      'certManagerChartVersion: "" is not an exact version, so each run could install a different chart.',
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

/** Every chart that has a version of its own, all of them installed. */
const versions = [
  "certManagerChartVersion",
  "trustManagerChartVersion",
  "linkerdCrdsChartVersion",
  "linkerdControlPlaneChartVersion",
  "linkerdCniChartVersion",
  "linkerdVizChartVersion",
];
const everything = { trustAnchorSource: "cluster", installLinkerdCni: true, installLinkerdViz: true };

test("a version that leaves a choice is refused for every chart, once", () => {
  for (const version of [
    ...["", " ", "latest", "stable", "*", "x", "1", "1.x", "1.19", "v1", "2026.8", "2026.8.x", "2026.08.3"],
    ...[
      ">=1.19",
      ">2026.8.3",
      "<2027.0.0",
      "<=2026.8.3",
      "=2026.8.3",
      "^2026.1",
      "^2026.8.3",
      "~1",
      "~2026.8.3",
    ],
    ...[
      "2026.8.3 || *",
      "2026.8.1 - 2026.8.3",
      "2026.8.3 2026.8.2",
      " 2026.8.3",
      "2026.8.3 ",
      "2026.8.3, <3000",
    ],
    ...["V1.2.3", "vv1.2.3", "2026.8.3.1"],
  ]) {
    for (const key of versions) {
      const found = findingsOf({ ...everything, [key]: version }).map(({ rule, severity, field }) => [
        rule,
        severity,
        field,
      ]);
      assert.deepEqual(found, [["chart-version", "error", key]], `${key} "${version}"`);
    }
  }
});

test("an exact version is not refused, with a v and with what follows the patch", () => {
  for (const [chart, version] of [
    ["certManager", "v1.20.2"],
    ["certManager", "1.20.2"],
    ["certManager", "v1.21.0-beta.0"],
    ["trustManager", "v0.23.0"],
    ["linkerdCrds", "1.8.0"],
    ["linkerdControlPlane", "1.13.1-edge"],
    ["linkerdCni", "2.10.2"],
    ["linkerdViz", "30.12.11"],
    ["linkerdViz", "2026.8.2+mine"],
  ] as const) {
    const errors = findingsOf({ ...everything, [`${chart}ChartVersion`]: version }).filter(
      ({ severity }) => severity === "error",
    );
    assert.deepEqual(errors, [], version);
  }
});

test("definitions and a viz extension of another release than the control plane's are warned of", () => {
  const releases = (controlPlane: string, crds: string, viz: string) =>
    findingsOf({
      installLinkerdViz: true,
      linkerdControlPlaneChartVersion: controlPlane,
      linkerdCrdsChartVersion: crds,
      linkerdVizChartVersion: viz,
    }).map(({ rule, severity, field, message }) => [rule, severity, `${field}: ${message}`]);
  // As upstream published them together.
  for (const [controlPlane, crds, viz] of [
    ["1.9.0", "1.4.0", "30.3.0"],
    ["1.9.8", "1.4.0", "30.3.8"],
    ["1.10.0-edge", "1.4.0", "30.4.0-edge"],
    ["1.11.1-edge", "1.4.0", "30.4.7-edge"],
    ["1.11.10-edge", "1.5.0-edge", "30.7.3-edge"],
    ["1.12.0", "1.6.0", "30.8.0"],
    ["1.12.7", "1.6.1", "30.8.7"],
    ["1.13.0-edge", "1.7.0-edge", "30.9.0-edge"],
    ["1.13.1-edge", "1.7.0-edge", "30.9.1-edge"],
    ["1.16.11", "1.8.0", "30.12.11"],
    ["1.18.11-edge", "1.9.5-edge", "30.14.11-edge"],
    ["2026.7.1", "2026.7.1", "2026.7.1"],
  ] as const) {
    assert.deepEqual(releases(controlPlane, crds, viz), [], controlPlane);
  }
  assert.deepEqual(releases("1.16.11", "1.6.1", "30.8.7"), [
    [
      "crds-release",
      "warning",
      "linkerdCrdsChartVersion: linkerd-crds 1.6.1 belongs to Linkerd 2.13, and the control plane 1.16.11 to Linkerd 2.14.",
    ],
    [
      "viz-release",
      "warning",
      "linkerdVizChartVersion: linkerd-viz 30.8.7 belongs to Linkerd 2.13, and the control plane 1.16.11 to Linkerd 2.14.",
    ],
  ]);
  assert.deepEqual(
    releases("2026.8.3", "2026.8.2", "2026.7.1").map(([rule]) => rule),
    ["crds-release", "viz-release"],
  );
  // Charts of other names have releases that are not known.
  const other = { linkerdCrdsChart: "mine", linkerdCrdsChartVersion: "1.0.0" };
  assert.deepEqual(findingsOf(other), []);
});
