import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { chartArgs, checkChart, type HelmChart } from "../../components/helmChart.ts";

const fields = {
  chart: "chartKey",
  version: "versionKey",
  repository: "repositoryKey",
  username: "usernameKey",
  password: "passwordKey",
};
const upstream = { chart: "linkerd-crds", version: "2026.8.3", repository: "https://helm.linkerd.io/edge" };
const check = (chart: Partial<HelmChart>) =>
  checkChart({ ...upstream, ...chart }, fields).map(({ field, message }) => `${field}: ${message}`);

test("a chart in a repository", () => {
  assert.deepEqual(chartArgs(upstream), {
    chart: "linkerd-crds",
    version: "2026.8.3",
    repositoryOpts: { repo: "https://helm.linkerd.io/edge" },
  });
});

test("a chart in a private repository", () => {
  const password = pulumi.secret("hidden");
  assert.deepEqual(chartArgs({ ...upstream, username: "reader", password }).repositoryOpts, {
    repo: "https://helm.linkerd.io/edge",
    username: "reader",
    password,
  });
  assert.deepEqual(check({ username: "reader", password }), []);
});

test("a chart in an OCI registry", () => {
  const chart = "oci://registry.example.com/charts/linkerd-crds";
  assert.deepEqual(chartArgs({ ...upstream, chart }), { chart, version: "2026.8.3" });
  assert.deepEqual(check({ chart }), []);
});

test("a local chart has its own version", () => {
  for (const chart of ["./charts/linkerd-crds-1.7.0-edge.tgz", "../linkerd-crds"]) {
    assert.deepEqual(chartArgs({ ...upstream, chart }), { chart });
    assert.deepEqual(check({ chart }), []);
    assert.deepEqual(check({ chart, version: "", repository: "" }), []);
  }
});

test("sources that cannot be are refused", () => {
  const noSource =
    "is neither a chart's name, nor a reference oci://…, nor a path that starts with ./ or ../.";
  for (const [chart, finding] of [
    [{ chart: "/charts/a.tgz" }, `chartKey: "/charts/a.tgz" ${noSource}`],
    [{ chart: "https://example.com/a.tgz" }, `chartKey: "https://example.com/a.tgz" ${noSource}`],
    [{ chart: "" }, `chartKey: "" ${noSource}`],
    [{ repository: "linkerd" }, 'repositoryKey: "linkerd" is not the URL of a chart repository.'],
    [
      { repository: "oci://registry.example.com" },
      'repositoryKey: "oci://registry.example.com" is not the URL of a chart repository.',
    ],
    [{ version: "" }, "versionKey: It is empty: each run would install whatever is the newest chart then."],
    [{ username: "reader" }, "passwordKey: It is missing, while usernameKey is set."],
    [{ password: "hidden" }, "usernameKey: It is missing, while passwordKey is set."],
    [
      { chart: "oci://a/b", password: "hidden" },
      "passwordKey: Only a chart repository takes it, and chartKey is oci://a/b.",
    ],
    [
      { chart: "./a.tgz", username: "reader", password: "hidden" },
      "usernameKey: Only a chart repository takes it, and chartKey is ./a.tgz.",
    ],
  ] as const) {
    assert.deepEqual(check(chart), [finding]);
  }
});

test("no refusal shows a password", () => {
  assert.ok(!JSON.stringify(checkChart({ ...upstream, password: "hidden" }, fields)).includes("hidden"));
});
