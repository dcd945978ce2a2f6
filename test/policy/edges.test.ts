/** What lies just beside a bad change, and is judged rightly. */
import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { test } from "node:test";
import { type Resource, Unknown } from "../../policy/resource.ts";
import { authority, type Fabricated, hoursFromNow, now } from "../certificates.ts";
import { refusals, stackOf } from "./stack.ts";

const rulesAgainst = (stack: readonly Resource[]) => refusals(stack).map(({ rule }) => rule);
const years = { notBefore: now, notAfter: hoursFromNow(87_600) };
const roots = await Promise.all(
  ["first", "second", "third"].map((commonName) => authority({ commonName, ...years })),
);
const [first, second, third] = roots as [Fabricated, Fabricated, Fabricated];
const pemOf = ({ certificate }: Pick<Fabricated, "certificate">) => certificate.toString();
const keyOf = ({ privateKey }: Fabricated) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const cross = (one: Fabricated, signer: Fabricated) =>
  authority({ commonName: one.commonName, keys: one, signer, ...years });

const unprotect = (stack: readonly Resource[], isMeant: (one: Resource) => boolean) =>
  stack.map((one) => (isMeant(one) ? { ...one, isProtected: false } : one));

test("what is only read of the cluster's anchor needs no protection", async () => {
  const stack = await stackOf({ trustAnchorSource: "cluster" });
  const { urn: parent } = stack.find(({ type }) => type.endsWith(":ClusterTrustAnchor"))!;
  const type = "kubernetes:core/v1:ConfigMap";
  const bundle = {
    type,
    name: "bundle",
    urn: "bundle",
    parent,
    isProtected: false,
    madeFrom: {},
    provider: {},
  };
  assert.deepEqual(rulesAgainst([...stack, { ...bundle, properties: { data: {} } }]), []);
});

test("a voucher is known by what its Secret is made from, where the chain is not known yet", async () => {
  const stack = (await stackOf({ trustAnchorGenerations: [1, 2], signingGeneration: 2 })).map((one) =>
    one.type.endsWith(":Secret")
      ? { ...one, properties: { ...one.properties, stringData: new Unknown() } }
      : one,
  );
  assert.deepEqual(rulesAgainst(stack), []);
  const open = unprotect(stack, ({ name }) => name === "linkerd-trust-anchor-key");
  assert.deepEqual(rulesAgainst(open), ["anchor-protected"]);
});

test("a voucher is known by the chain, where its word is given", async () => {
  const [second1, third2] = await Promise.all([cross(second, first), cross(third, second)]);
  const stack = await stackOf({
    trustAnchorGenerations: [1, 2, 3],
    signingGeneration: 3,
    providedTrustAnchors: {
      1: { certificatePem: pemOf(first) },
      2: { certificatePem: pemOf(second), crossCertificatePem: pemOf(second1) },
      3: { certificatePem: pemOf(third), privateKeyPem: keyOf(third), crossCertificatePem: pemOf(third2) },
    },
  });
  assert.deepEqual(rulesAgainst(stack), []);
  const open = unprotect(stack, ({ name }) => name === "linkerd-trust-anchor-2-subject");
  assert.deepEqual(rulesAgainst(open), ["anchor-protected"]);
});

test("a provider may log in with a key", async () => {
  const kubeconfig = `users: [{ user: { client-key-data: "${Buffer.from(keyOf(first)).toString("base64")}" } }]`;
  const stack = await stackOf(
    {},
    {
      change: ({ type, properties }) =>
        type === "pulumi:providers:kubernetes" ? { properties: { ...properties, kubeconfig } } : undefined,
    },
  );
  assert.deepEqual(rulesAgainst(stack), []);
});

test("a Secret of another namespace may be called like one that cert-manager writes", async () => {
  const metadata = { namespace: "shop", name: "webhook-issuer-tls" };
  const add = {
    type: "kubernetes:core/v1:Secret",
    name: "other",
    properties: { metadata, stringData: { a: "b" } },
  };
  assert.deepEqual(rulesAgainst(await stackOf({}, { add })), []);
});

test("a root is no cross certificate of itself", async () => {
  const stack = await stackOf({ trustAnchorGenerations: [1, 2], signingGeneration: 2 });
  const root = stack.find(({ type, name }) => type.endsWith(":TrustAnchor") && name.endsWith("-2"))!;
  const own = stack.map((one) =>
    one.type.endsWith(":Secret") && one.name.endsWith("-cross-signed")
      ? {
          ...one,
          properties: { ...one.properties, stringData: { "tls.crt": root.properties.certificatePem } },
        }
      : one,
  );
  assert.ok(rulesAgainst(own).includes("signer"));
});

test("what the rules only warn of is not refused", async () => {
  const { certificatePem } = { certificatePem: pemOf(first) };
  const stack = (
    await stackOf({ providedTrustAnchors: { 1: { certificatePem, privateKeyPem: keyOf(first) } } })
  ).map((one) => {
    if (one.name !== "linkerd-control-plane" || !one.type.endsWith(":Release")) return one;
    const values = {
      ...(one.properties.values as object),
      identityTrustAnchorsPEM: `# our root\n${certificatePem.trimEnd()}`,
    };
    return { ...one, properties: { ...one.properties, values } };
  });
  assert.deepEqual(rulesAgainst(stack), []);
});
