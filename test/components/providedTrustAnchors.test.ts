import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { test } from "node:test";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import * as pulumi from "@pulumi/pulumi";
import {
  type Authority,
  authority,
  authorityExtensions,
  type Fabricated,
  hoursFromNow,
  keysOf,
  leaf,
} from "../certificates.ts";
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
  const told = refused({ ...given, ...hours }).filter((one) =>
    one.endsWith("trustAnchorValidityPeriodHours"),
  );
  assert.deepEqual(told, ["setting-effect trustAnchorValidityPeriodHours"]);
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
const weak = await authority({ commonName: "weak", keys: rsa1024, notAfter: hoursFromNow(87_600) });
const ends = await authority({ commonName: "ends", notAfter: hoursFromNow(120) });
const ending = { certificatePem: pemOf(ends), privateKeyPem: keyOf(ends) };
const signed = await leaf({ commonName: "leaf", signer: root, notAfter: hoursFromNow(87_600) });

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
    "one that ends in five days",
    { providedTrustAnchors: { 1: ending } },
    ["anchor-ends-soon providedTrustAnchors.1.certificatePem"],
  ],
  [
    "one that ends in five days, with a shorter warning",
    { providedTrustAnchors: { 1: ending }, trustAnchorWarnBefore: "119h" },
    [],
  ],
  [
    "a warning that is no duration",
    { providedTrustAnchors: { 1: ending }, trustAnchorWarnBefore: "5d" },
    ["duration-syntax trustAnchorWarnBefore"],
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

const given = async (one: Partial<Authority>) => {
  const made = await authority({ commonName: "given", notAfter: hoursFromNow(87_600), ...one });
  return { certificatePem: pemOf(made), privateKeyPem: keyOf(made) };
};
const short = await given({ pathLength: 0 });
const constrained = await given({
  extensions: [
    ...authorityExtensions(),
    new x509.Extension("2.5.29.30", true, Buffer.from("3010a00e300c820a6578616d706c652e636f", "hex")),
  ],
});
const namesake = await given({ commonName: "identity.linkerd.cluster.local" });
const endingEarly = await given({ notAfter: hoursFromNow(71) });
const lasting = await given({ notAfter: hoursFromNow(73) });
const serving = await given({
  extensions: [...authorityExtensions(), new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"])],
});

/** Settings with these anchors as generations 1 and 2. */
const both = (one: object | undefined, two: object, signingGeneration = 1): Values => ({
  trustAnchorWarnBefore: "0",
  trustAnchorGenerations: [1, 2],
  signingGeneration,
  providedTrustAnchors: { ...(one && { 1: one }), 2: two },
});
const secondBreaks = (rule: string) => [`${rule} providedTrustAnchors.2.certificatePem`];

for (const [what, args, findings] of [
  ["a path length of 0, whoever signs", both(undefined, short), secondBreaks("path-length")],
  ["a path length of 0 of the one that signs", both(provided, short, 2), secondBreaks("path-length")],
  [
    "a path length of 0 below a third party's issuer",
    { ...both(provided, short), identityIssuerSource: "secret" },
    secondBreaks("path-length"),
  ],
  ["name constraints", both(provided, constrained), secondBreaks("constraints")],
  ["an extended usage for servers alone", both(provided, serving), secondBreaks("extended-key-usage-client")],
  ["the issuer's own name", both(provided, namesake), ["distinct-issuer identityIssuer"]],
  ["the issuer's name in another namespace", { ...both(provided, namesake), linkerdNamespace: "mesh" }, []],
  [
    "one subject without key identifiers",
    both(provided, { certificatePem: pemOf(another) }),
    secondBreaks("distinct-anchors"),
  ],
  ["the certificate of another generation", both(provided, provided), secondBreaks("provided-anchor")],
  [
    "an anchor that ends before the issuer's leaves",
    both(provided, endingEarly, 2),
    secondBreaks("anchor-outlives-issuer"),
  ],
  ["one that just does not", both(provided, lasting, 2), []],
  ["one that ends, and does not sign", both(provided, endingEarly), []],
  [
    "anchors none of which outlives what anyone signs",
    {
      trustAnchorWarnBefore: "0",
      providedTrustAnchors: { 1: endingEarly },
      identityIssuerRef: { name: "company" },
    },
    ["anchor-outlives-issuer providedTrustAnchors.1.certificatePem"],
  ],
  [
    "one that outlives it, beside another",
    { ...both(provided, endingEarly), identityIssuerRef: { name: "company" } },
    [],
  ],
] as const) {
  test(`checked as an anchor of the issuer: ${what}`, () => assert.deepEqual(refused(args), findings));
}

test("one that has ended and does not sign can leave: once it is not protected, or distrusted, it is warned of", async () => {
  const expired = await given({ notBefore: hoursFromNow(-50), notAfter: hoursFromNow(-1) });
  const severities = (args: Values) =>
    findingsOf(args).flatMap(({ rule, severity }) => (rule === "expired" ? severity : []));
  assert.deepEqual(severities(both(expired, provided, 2)), ["error"]);
  assert.deepEqual(severities({ ...both(expired, provided, 2), protectTrustAnchors: false }), ["warning"]);
  assert.deepEqual(severities({ ...both(expired, provided, 1), protectTrustAnchors: false }), ["error"]);
  assert.deepEqual(severities({ ...both(expired, provided, 2), distrustedTrustAnchors: [1] }), ["warning"]);
});

test("no message holds anything of a key", () => {
  const args = { providedTrustAnchors: { 1: provided }, trustAnchorSource: "cluster" };
  const text = JSON.stringify(findingsOf(args));
  assert.ok(!text.includes(provided.privateKeyPem.split("\n")[1]!));
});
