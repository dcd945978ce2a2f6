import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteRecords, releasesOf, writeRecord } from "../../mesh/helmReleases.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const path = "/api/v1/namespaces/linkerd/secrets";

const record = {
  name: "linkerd-crds",
  chart: { name: "linkerd-crds", version: "2026.8.3" },
  values: { installGatewayAPI: false },
  manifest: '---\n{"kind":"CustomResourceDefinition"}\n',
};

test("a record is read as it was written, as the first revision of a release that is deployed", async () => {
  api.objects = { [path]: {} };
  await writeRecord(api.cluster, "linkerd", record, "Taken over");
  const secret = JSON.parse(api.body);
  assert.equal(secret.type, "helm.sh/release.v1");
  const { createdAt, ...labels } = secret.metadata.labels;
  assert.deepEqual(labels, { name: "linkerd-crds", owner: "helm", status: "deployed", version: "1" });
  assert.ok(Math.abs(Number(createdAt) - Date.now() / 1000) < 60);
  const managedFields = [{ manager: "terraform-provider-helm_v2.17.0_x5" }, {}];
  const metadata = { ...secret.metadata, namespace: "linkerd", managedFields };
  api.objects = { [path]: { items: [{ ...secret, metadata }] } };
  const [found, ...others] = await releasesOf(api.cluster, "linkerd");
  assert.deepEqual(others, []);
  const { writtenAt, ...rest } = found!;
  assert.equal(writtenAt, Number(createdAt) * 1000);
  assert.deepEqual(rest, {
    ...record,
    namespace: "linkerd",
    secretName: "sh.helm.release.v1.linkerd-crds.v1",
    status: "deployed",
    description: "Taken over",
    managers: ["terraform-provider-helm_v2.17.0_x5"],
  });
});

test("a record that is there stays, and another refusal is told", async () => {
  api.objects = { [path]: new Refusal(409, "already exists") };
  await writeRecord(api.cluster, "linkerd", record, "");
  api.objects = { [path]: new Refusal(403, "secrets is forbidden") };
  await assert.rejects(
    writeRecord(api.cluster, "linkerd", record, ""),
    /^Error: Secret linkerd\/sh\.helm\.release\.v1\.linkerd-crds\.v1: secrets is forbidden/,
  );
});

test("all records of a release go at once, and no other's", async () => {
  api.objects = { [path]: {} };
  api.requests = [];
  await deleteRecords(api.cluster, "linkerd", "linkerd");
  assert.deepEqual(api.requests, [`DELETE ${path}?labelSelector=owner=helm,name=linkerd`]);
});
