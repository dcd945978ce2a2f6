/** What is not known in a preview is not refused, and hides nothing of what is known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Resource, Unknown } from "../../policy/resource.ts";
import { isPlainObject } from "../../rules/known.ts";
import { stagings } from "./badChanges.ts";
import { refusals, stackOf } from "./stack.ts";

/** A copy of properties for each of their values, which is not known in it; and one for each object of them. */
function* withUnknown(properties: Readonly<Record<string, unknown>>): Iterable<Record<string, unknown>> {
  for (const [key, value] of Object.entries(properties)) {
    yield { ...properties, [key]: new Unknown() };
    if (!isPlainObject(value)) continue;
    for (const inner of withUnknown(value)) yield { ...properties, [key]: inner };
  }
}

/** Of a release, what the rules look at: the provider adds much else. */
const looked = (properties: Readonly<Record<string, unknown>>) =>
  "chart" in properties ? ["values", "name", "namespace", "chart", "version"] : Object.keys(properties);

/** What comes of a credential is known all together, or not at all. */
const isCredential = ({ type }: Resource) => /^(tls|random):|:TrustAnchor$/.test(type);

for (const [name, values] of Object.entries({
  "Pulumi's anchor, and a cross certificate": {
    trustAnchorGenerations: [1, 2],
    signingGeneration: 2,
    installLinkerdViz: true,
  },
  "the cluster's anchor": { trustAnchorSource: "cluster", installLinkerdCni: true },
})) {
  test(`nothing is refused for what is not known: ${name}`, async () => {
    const stack = await stackOf(values);
    for (const resource of stack.filter((one) => !isCredential(one))) {
      const keys = looked(resource.properties);
      const chosen = Object.fromEntries(keys.map((key) => [key, resource.properties[key]]));
      for (const unknown of withUnknown(chosen)) {
        const properties = { ...resource.properties, ...unknown };
        const changed = stack.map((one) => (one === resource ? { ...one, properties } : one));
        assert.deepEqual(refusals(changed), [], `${resource.type} ${resource.name}`);
      }
    }
  });
}

test("a bad value is refused beside one that is not known", async () => {
  const stack = (await stackOf({})).map((one) => {
    if (one.name !== "linkerd-identity-issuer" || !one.type.endsWith(":Certificate")) return one;
    const spec = { ...(one.properties.spec as object), commonName: new Unknown(), renewBefore: "10h" };
    return { ...one, properties: { ...one.properties, spec } };
  });
  assert.deepEqual(
    refusals(stack).map(({ rule }) => rule),
    ["lifetimes"],
  );
});

test("a value that the provider leaves out, since it is not known, does not count as absent", async () => {
  const stack = await stackOf({}, stagings["webhook-authority"].noAuthority);
  const named = (one: Resource) => one.name === "linkerd-webhooks-linkerd-sp-validator";
  const metadata = { namespace: "linkerd", name: new Unknown() };
  const later = stack.map((one) =>
    named(one) ? { ...one, properties: { ...one.properties, metadata } } : one,
  );
  assert.deepEqual(
    [stack, later].map((some) => refusals(some).map(({ rule }) => rule)),
    [["webhook-authority"], []],
  );
});
