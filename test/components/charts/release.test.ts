import assert from "node:assert/strict";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { releaseArgs } from "../../../components/charts/release.ts";

const repository = { chartRepository: "https://helm.linkerd.io/edge" };
const common = { values: {}, atomic: true, timeout: 600, maxHistory: 10 };

test("a chart of a repository, public or private", () => {
  const chart = { chart: "linkerd-crds", chartVersion: "2026.8.3", values: {} };
  const named = { ...common, chart: "linkerd-crds", version: "2026.8.3" };
  const repo = repository.chartRepository;
  assert.deepEqual(releaseArgs(chart, repository, 600, {}), { ...named, repositoryOpts: { repo } });
  const password = pulumi.secret("hidden") as pulumi.Output<never>;
  const login = { chartRepositoryUsername: "reader", chartRepositoryPassword: password };
  assert.deepEqual(releaseArgs(chart, { ...repository, ...login }, 600, {}), {
    ...named,
    repositoryOpts: { repo, username: "reader", password },
  });
});

test("a chart of a registry has its version, and a local one its own", () => {
  const chart = "oci://registry.example.com/charts/linkerd-crds";
  assert.deepEqual(releaseArgs({ chart, chartVersion: "1.2.3", values: {} }, repository, 600, {}), {
    ...common,
    chart,
    version: "1.2.3",
  });
  for (const local of ["./charts/linkerd-crds-1.7.0-edge.tgz", "../linkerd-crds"]) {
    assert.deepEqual(releaseArgs({ chart: local, chartVersion: "1.2.3", values: {} }, repository, 600, {}), {
      ...common,
      chart: local,
    });
  }
});

test("the user's values win over some of the component's, and others over the user's", () => {
  const chart = { chart: "linkerd-crds", chartVersion: "2026.8.3", values: { a: { b: 2, c: 2 } } };
  const own = { under: { a: { b: 1, d: 1 } }, over: { a: { c: 3 } } };
  assert.deepEqual(releaseArgs(chart, repository, 600, own).values, { a: { b: 2, c: 3, d: 1 } });
});
