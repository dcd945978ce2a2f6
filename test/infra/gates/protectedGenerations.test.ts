import assert from "node:assert/strict";
import { test } from "node:test";
import { protectedGenerations } from "../../../infra/gates/protectedGenerations.ts";

const type = "linkerd-rotating-tls:index:TrustAnchor";
const resource = (name: string, more: object = {}) => ({
  urn: `urn:pulumi:dev::x::linkerd-rotating-tls:index:RotatingLinkerd$${type}::${name}`,
  type,
  ...more,
});

test("the state says which generations there are, and whether they are protected", async () => {
  const resources = [
    resource("linkerd-trust-anchor", { protect: true }),
    resource("linkerd-trust-anchor-12"),
    resource("linkerd-trust-anchor-2-cross", { protect: true, type: "other" }),
  ];
  const found = await protectedGenerations(async () => JSON.stringify({ deployment: { resources } }));
  assert.deepEqual(
    [...found!],
    [
      [1, true],
      [12, false],
    ],
  );
  assert.deepEqual([...(await protectedGenerations(async () => '{"deployment":{}}'))!], []);
});

test("a state that cannot be read is not known", async () => {
  for (const exported of [Promise.reject(new Error("pulumi is not on PATH")), Promise.resolve("no JSON")]) {
    assert.equal(await protectedGenerations(() => exported), undefined);
  }
});
