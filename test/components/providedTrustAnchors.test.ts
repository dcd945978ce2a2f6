import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { authority, type Fabricated, hoursFromNow, keysOf, leaf } from "../certificates.ts";
import { build, findingsOf, type Values } from "../configured.ts";
import { resolved } from "../registrations.ts";

const secretType = "kubernetes:core/v1:Secret";
const identifierType = "random:index/randomId:RandomId";
const certificateType = "kubernetes:cert-manager.io/v1:Certificate";

const root = await authority({ commonName: "company", notAfter: hoursFromNow(87_600) });
const another = await authority({ commonName: "company", notAfter: hoursFromNow(87_600) });
const keyOf = ({ privateKey }: Pick<Fabricated, "privateKey">) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const pemOf = ({ certificate }: Pick<Fabricated, "certificate">) => certificate.toString().trimEnd();
const provided = { certificatePem: pemOf(root), privateKeyPem: keyOf(root) };

const refused = (args: Values) => findingsOf(args).map(({ rule, field }) => `${rule} ${field}`);

test("a provided anchor signs, with its key as a secret, and its text as the bundle has it", async () => {
  const certificatePem = `Root\r\n${provided.certificatePem.replaceAll("\n", "\r\n")}\r\n\r\n`;
  const { find, registrations, result } = await build({
    providedTrustAnchors: { 1: { ...provided, certificatePem } },
  });
  const { inputs, protect } = find(secretType, "linkerd-trust-anchor");
  assert.deepEqual(inputs.stringData, {
    secret: { "tls.crt": provided.certificatePem, "tls.key": provided.privateKeyPem },
  });
  assert.equal(protect, true);
  assert.ok(!registrations.some(({ type }) => type.startsWith("tls:")));
  assert.equal(await resolved(result.trustBundlePem), provided.certificatePem);
  assert.equal(await pulumi.isSecret(result.trustBundlePem), false);
});

test("how long an anchor that is made would live has no part in it where all are given", () => {
  const hours = { trustAnchorValidityPeriodHours: 1 };
  const given = { providedTrustAnchors: { 1: provided }, issuerDuration: "999999h" };
  assert.ok(!refused({ ...given, ...hours }).some((told) => told.endsWith("trustAnchorValidityPeriodHours")));
  const one = { ...given, ...hours, trustAnchorGenerations: [1, 2] };
  assert.ok(refused(one).includes("anchor-outlives-issuer trustAnchorValidityPeriodHours"));
});

test("a renewed certificate of the same key is the same anchor; another key, or one that is made, is not", async () => {
  const keepersOf = async (args: Values) =>
    (await build(args)).find(identifierType, "linkerd-trust-anchor-subject").inputs.keepers;
  const renewed = await authority({ commonName: "company", keys: root, notAfter: hoursFromNow(99_000) });
  const first = await keepersOf({ providedTrustAnchors: { 1: provided } });
  assert.deepEqual(
    await keepersOf({ providedTrustAnchors: { 1: { ...provided, certificatePem: pemOf(renewed) } } }),
    first,
  );
  const other = { certificatePem: pemOf(another), privateKeyPem: keyOf(another) };
  assert.notDeepEqual(await keepersOf({ providedTrustAnchors: { 1: other } }), first);
  assert.equal(await keepersOf({}), undefined);
});

test("without its key it is trusted, and nothing of it is on the cluster", async () => {
  const { registrations, result } = await build({
    providedTrustAnchors: { 1: { certificatePem: provided.certificatePem } },
    identityIssuerSource: "secret",
  });
  assert.ok(!registrations.some(({ type, name }) => type === secretType && name.includes("trust-anchor")));
  assert.ok(
    !registrations.some(({ type, name }) => type === certificateType && name === "linkerd-identity-issuer"),
  );
  assert.equal(await resolved(result.identityIssuerSecretName), "linkerd-identity-issuer");
  assert.deepEqual(
    (await resolved(result.trustAnchors)).map(({ generation, signs }) => ({ generation, signs })),
    [{ generation: 1, signs: false }],
  );
});

const rsa1024 = await keysOf({
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 1024,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
});
const weak = await authority({ commonName: "weak", keys: rsa1024 });
const signed = await leaf({ commonName: "leaf", signer: root });

for (const [what, args, findings] of [
  ["a sound one", { providedTrustAnchors: { 1: provided } }, []],
  [
    "no key, and nobody else who signs",
    { providedTrustAnchors: { 1: { certificatePem: provided.certificatePem } } },
    ["signing-key signingGeneration"],
  ],
  [
    "another's key",
    { providedTrustAnchors: { 1: { ...provided, privateKeyPem: keyOf(another) } } },
    ["key-match providedTrustAnchors.1.privateKeyPem"],
  ],
  [
    "no certificate",
    { providedTrustAnchors: { 1: { privateKeyPem: provided.privateKeyPem } } },
    ["setting-parts providedTrustAnchors.1.certificatePem"],
  ],
  [
    "a key in the certificate's place",
    {
      providedTrustAnchors: { 1: { certificatePem: provided.privateKeyPem } },
      identityIssuerSource: "secret",
    },
    [
      "pem-private-key providedTrustAnchors.1.certificatePem",
      "pem-certificate providedTrustAnchors.1.certificatePem",
    ],
  ],
  [
    "a weak key",
    { providedTrustAnchors: { 1: { certificatePem: pemOf(weak) } }, identityIssuerSource: "secret" },
    ["anchor-algorithm providedTrustAnchors.1.certificatePem"],
  ],
  [
    "a leaf",
    {
      providedTrustAnchors: { 1: { certificatePem: signed.toString() } },
      identityIssuerSource: "secret",
    },
    ["is-ca providedTrustAnchors.1.certificatePem"],
  ],
  [
    "two in one",
    {
      providedTrustAnchors: { 1: { certificatePem: `${pemOf(root)}\n${pemOf(another)}` } },
      identityIssuerSource: "secret",
    },
    ["provided-anchor providedTrustAnchors.1.certificatePem"],
  ],
  [
    "a generation that is not listed",
    { providedTrustAnchors: { 2: provided } },
    ["provided-generation providedTrustAnchors.2"],
  ],
  [
    "beside an anchor on the cluster",
    { providedTrustAnchors: { 1: provided }, trustAnchorSource: "cluster" },
    ["other-trust-anchor-source providedTrustAnchors"],
  ],
  [
    "a third party's issuer beside an anchor on the cluster",
    { identityIssuerSource: "secret", trustAnchorSource: "cluster" },
    ["one-issuer-source identityIssuerSource"],
  ],
  [
    "settings of a Certificate where there is none",
    { identityIssuerSource: "secret", issuerDuration: "72h", identityIssuerRef: { name: "company" } },
    ["other-identity-issuer-source identityIssuerRef", "other-identity-issuer-source issuerDuration"],
  ],
  [
    "a source that there is not",
    { identityIssuerSource: "vault" },
    ["identity-issuer-source identityIssuerSource"],
  ],
] as const) {
  test(`checked: ${what}`, () => assert.deepEqual(refused(args), findings));
}

test("no message holds anything of a key", () => {
  const args = { providedTrustAnchors: { 1: provided }, trustAnchorSource: "cluster" };
  const text = JSON.stringify(findingsOf(args));
  assert.ok(!text.includes(provided.privateKeyPem.split("\n")[1]!));
});
