import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandInstallation, Rendering } from "../../../mesh/commandInstallation.ts";
import { adoptedDescription, chartsIn } from "../../../operations/adopt/charts.ts";
import type { FoundRelease, Installation } from "../../../operations/adopt/find.ts";

const key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";

const release = (name: string, chart: string, changes: Partial<FoundRelease> = {}): FoundRelease => ({
  name,
  status: "deployed",
  description: "Install complete",
  chart: { name: chart, version: "2026.8.3" },
  values: { podLabels: { team: "mesh" } },
  manifest: `of ${name}`,
  managers: ["helm"],
  ...changes,
});

const rendering = (linkerd: string, changes: Partial<Rendering> = {}): Rendering => ({
  linkerd,
  manifest: "---\n{}\n",
  count: 1,
  unrecorded: [],
  ...changes,
});

function charts(
  releases: readonly FoundRelease[],
  command: Partial<CommandInstallation> = {},
  given: Record<string, string> = {},
  inFile: Record<string, string> = {},
) {
  const found = { namespace: "linkerd", releases, command: { values: {}, hasOverrides: false, ...command } };
  return chartsIn(
    found as unknown as Installation,
    (name) => given[name],
    (name) => inFile[name],
  );
}

test("releases by the program's names are taken as they are", () => {
  const crds = release("linkerd-crds", "linkerd-crds");
  const controlPlane = release("linkerd-control-plane", "linkerd-control-plane");
  const unrelated = release("linkerd-viz", "linkerd-viz");
  assert.deepEqual(charts([unrelated, crds, controlPlane], { controlPlane: rendering("edge-26.8.3") }), {
    controlPlane,
    crds,
    records: [],
    replaced: [],
    obstacles: [],
  });
});

test("a release by another name gets a record by the program's, and its own go", () => {
  const other = release("linkerd", "linkerd-control-plane");
  const crds = release("linkerd-crds", "linkerd-crds");
  const { controlPlane, records, replaced, obstacles } = charts([crds, other]);
  assert.deepEqual(controlPlane, { ...other, name: "linkerd-control-plane" });
  assert.deepEqual(records, [controlPlane]);
  assert.deepEqual([replaced, obstacles], [["linkerd"], []]);
});

test("killed once the record is written, it goes on; one that Helm has finished since leaves others alone", () => {
  const other = release("linkerd", "linkerd-control-plane");
  const named = { ...other, name: "linkerd-control-plane" };
  const written = charts([other, { ...named, description: adoptedDescription }]);
  assert.deepEqual([written.records, written.replaced], [[], ["linkerd"]]);
  assert.equal(written.controlPlane!.name, "linkerd-control-plane");
  const upgraded = charts([other, named]);
  assert.deepEqual([upgraded.records, upgraded.replaced], [[], []]);
});

test("what linkerd install has made gets records of what was applied, without the keys that it was given", () => {
  const values = { podLabels: { team: "mesh" }, identity: { issuer: { tls: { keyPEM: key } } } };
  const command = { values, controlPlane: rendering("edge-26.8.3"), definitions: rendering("edge-26.7.1") };
  const { controlPlane, crds, records, replaced, obstacles } = charts([], command);
  assert.deepEqual([replaced, obstacles], [[], []]);
  assert.deepEqual(controlPlane!.chart, { name: "linkerd-control-plane", version: "2026.8.3" });
  assert.deepEqual(crds!.chart, { name: "linkerd-crds", version: "2026.7.1" });
  assert.deepEqual(controlPlane!.values, values);
  assert.deepEqual(
    records.map(({ name, values, manifest }) => [name, values, manifest]),
    [
      ["linkerd-crds", {}, "---\n{}\n"],
      ["linkerd-control-plane", { podLabels: { team: "mesh" } }, "---\n{}\n"],
    ],
  );
});

test("one of the two may be Helm's already, such as after a kill between the two records", () => {
  const crds = release("linkerd-crds", "linkerd-crds", { description: adoptedDescription });
  const command = { controlPlane: rendering("edge-26.8.3"), definitions: rendering("edge-26.8.3") };
  const found = charts([crds], command);
  assert.equal(found.crds, crds);
  assert.deepEqual(
    found.records.map(({ name }) => name),
    ["linkerd-control-plane"],
  );
});

test("until edge-24.3 a chart has a version of its own, which the file says, or an archive's name", () => {
  const versionOf = (linkerd: string, given = {}, inFile = {}) => {
    const { controlPlane, obstacles } = charts([], { controlPlane: rendering(linkerd) }, given, inFile);
    return [controlPlane!.chart.version, obstacles.map(({ subject }) => subject)];
  };
  assert.deepEqual(versionOf("edge-24.3.1"), ["2024.3.1", []]);
  for (const linkerd of ["stable-2.14.10", "edge-24.2.5", "edge-23.12.1", "git-e1ba0e03"]) {
    assert.deepEqual(versionOf(linkerd), ["", ["linkerdControlPlaneChartVersion"]], linkerd);
  }
  const archive = { linkerdControlPlaneChart: "./charts/linkerd-control-plane-1.13.1-edge.tgz" };
  assert.deepEqual(versionOf("git-e1ba0e03", archive), ["1.13.1-edge", []]);
  const set = { linkerdControlPlaneChartVersion: "1.16.11" };
  assert.deepEqual(versionOf("stable-2.14.10", {}, set), ["1.16.11", []]);
  assert.deepEqual(versionOf("stable-2.14.10", set), ["", ["linkerdControlPlaneChartVersion"]], "a default");
});

test("without what was applied, nothing is written, and the command is named that leaves it", () => {
  const unrecorded = ["secrets linkerd-proxy-injector-k8s-tls", "services linkerd-dst"];
  const command = {
    controlPlane: rendering("edge-26.8.3", { unrecorded }),
    definitions: rendering("edge-26.8.3", {
      unrecorded: ["customresourcedefinitions servers.policy.linkerd.io"],
    }),
  };
  const [definitions, controlPlane, ...others] = charts([], command).obstacles;
  assert.deepEqual(others, []);
  assert.match(controlPlane!.message, /Of 2 objects .* as of secrets linkerd-proxy-injector-k8s-tls/);
  assert.match(controlPlane!.fix, /linkerd upgrade \| kubectl apply -f -$/);
  assert.match(definitions!.fix, /linkerd upgrade --crds \| kubectl apply -f -$/);
});
