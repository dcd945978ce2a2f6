import assert from "node:assert/strict";
import { test } from "node:test";
import { askToIssue } from "../../mesh/certManager.ts";
import { keepIssuerSecret } from "../../mesh/issuerSecret.ts";
import { writeTrustRoots } from "../../mesh/trustRoots.ts";
import { startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };
const inLinkerd = (path: string) => `${path}/namespaces/linkerd`;
const core = inLinkerd("/api/v1");
const certificate = `${inLinkerd("/apis/cert-manager.io/v1")}/certificates/linkerd-identity-issuer`;
const secret = `${core}/secrets/linkerd-identity-issuer`;
const bundle = `${core}/configmaps/linkerd-identity-trust-roots`;

test("what writes guarded objects says by its name that it is this program", async () => {
  const writes: readonly (readonly [
    objects: Readonly<Record<string, object>>,
    write: () => Promise<unknown>,
  ])[] = [
    [
      { [certificate]: { metadata: {}, spec: {} }, [`${certificate}/status`]: {} },
      () => askToIssue(mesh, "linkerd-identity-issuer"),
    ],
    [{ [secret]: {} }, () => keepIssuerSecret(mesh, false)],
    [{ [bundle]: {} }, () => writeTrustRoots(mesh, "linkerd-control-plane", "the anchors")],
    [{ [`${core}/configmaps`]: {} }, () => writeTrustRoots(mesh, "linkerd-control-plane", "the anchors")],
  ];
  for (const [objects, write] of writes) {
    api.objects = objects;
    api.requests = [];
    await write();
    const written = api.requests.filter((request) => !request.startsWith("GET "));
    assert.equal(written.length, 1);
    assert.match(written[0]!, /[?&]fieldManager=linkerd-credentials(&|$)/);
  }
});
