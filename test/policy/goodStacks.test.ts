/** What the program makes of good settings passes every rule of the policy pack. */
import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { suite, test } from "node:test";
import { settingExamples } from "../../docs/settingExamples.ts";
import { Unknown } from "../../policy/resource.ts";
import { authority, hoursFromNow, now } from "../certificates.ts";
import { findingsOf, type Values } from "../configured.ts";
import { refusals, stackOf } from "./stack.ts";

async function passes(values: Values): Promise<void> {
  assert.deepEqual(
    findingsOf(values).filter(({ severity }) => severity === "error"),
    [],
  );
  assert.deepEqual(refusals(await stackOf(values)), []);
}

suite("The examples of settings pass the policy pack", () => {
  for (const [key, { example, with: besides }] of Object.entries(settingExamples)) {
    // Its files are read before it is a setting; which cluster is no setting of the mesh.
    if (["providedTrustAnchors", "kubeconfig", "kubeContext"].includes(key)) continue;
    test(key, () => passes({ ...besides, [key]: example }));
  }
});

const root = (commonName: string) =>
  authority({ commonName, notBefore: now, notAfter: hoursFromNow(87_600) });
const [first, second] = await Promise.all([root("first"), root("second")]);
const cross = await authority({
  commonName: "second",
  keys: second,
  signer: first,
  notAfter: hoursFromNow(87_000),
});
const certificatePem = first.certificate.toString();
const privateKeyPem = KeyObject.from(first.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const vouched = { trustAnchorGenerations: [1, 2], signingGeneration: 2 };

suite("Every stage of a rotation passes the policy pack", () => {
  for (const [stage, values] of Object.entries<Values>({
    idle: {},
    "the second generation alone": { trustAnchorGenerations: [2], signingGeneration: 2 },
    distributed: { trustAnchorGenerations: [1, 2] },
    vouched,
    "vouched over two generations": { trustAnchorGenerations: [1, 2, 3], signingGeneration: 3 },
    alone: { ...vouched, crossSignTrustAnchors: false },
    distrusted: { ...vouched, distrustedTrustAnchors: [1] },
    "with a root that is given": { providedTrustAnchors: { 1: { certificatePem, privateKeyPem } } },
    "vouched for by a root that is given": {
      ...vouched,
      providedTrustAnchors: { 1: { certificatePem, privateKeyPem } },
    },
    "vouched for by a given cross certificate": {
      ...vouched,
      providedTrustAnchors: {
        1: { certificatePem },
        2: {
          certificatePem: second.certificate.toString(),
          privateKeyPem: KeyObject.from(second.privateKey)
            .export({ format: "pem", type: "pkcs8" })
            .toString(),
          crossCertificatePem: cross.certificate.toString(),
        },
      },
    },
    "where someone else signs": {
      trustAnchorGenerations: [1, 2],
      identityIssuerSource: "secret",
      protectTrustAnchors: false,
    },
    "with everything installed": { installLinkerdCni: true, installLinkerdViz: true, highAvailability: true },
    "with a namespace that is there": { createLinkerdNamespace: false, installCertManager: false },
  })) {
    test(stage, () => passes(values));
  }
});

const anything = /./;
const ofSecond = /trust-anchor-2/;

/**
 * A stack in the preview of a run that is going to make some of it, of which nothing is known yet.
 *
 * @param made names of what is made; the rest is there from an earlier run.
 */
async function previewed(values: Values, made: RegExp) {
  const unknown: Readonly<Record<string, readonly string[]>> = {
    RandomId: ["hex"],
    PrivateKey: ["privateKeyPem", "publicKeyPem"],
    SelfSignedCert: ["privateKeyPem", "certPem"],
    LocallySignedCert: ["certPem"],
    TrustAnchor: ["certificatePem"],
    Secret: ["stringData"],
  };
  return (await stackOf(values)).map((one) => {
    const kind = one.type.split(":").at(-1)!;
    const { values: ofChart, ...properties } = one.properties as Record<string, Record<string, unknown>>;
    const isMade = made.test(one.name);
    const later = isMade ? (unknown[kind] ?? []).map((key) => [key, new Unknown()]) : [];
    // The provider leaves out of a release's values what is not known, and tells nothing of what comes of it.
    const isChanged = kind === "Release" && (isMade || one.name === "linkerd-control-plane");
    const { identityTrustAnchorsPEM: _, ...known } = ofChart ?? {};
    const status = isMade || isChanged ? {} : { status: { conditions: [] } };
    return {
      ...one,
      properties: {
        ...properties,
        ...status,
        ...(ofChart !== undefined && { values: isChanged ? known : ofChart }),
        ...(isChanged && { status: new Unknown() }),
        ...Object.fromEntries(later),
      },
    };
  });
}

suite("The preview of a first run passes the policy pack", () => {
  for (const [name, values] of Object.entries<Values>({
    "with the defaults": {},
    "with a later generation": { trustAnchorGenerations: [2], signingGeneration: 2 },
    "with two generations": vouched,
    "with two generations, and nobody who vouches": { ...vouched, crossSignTrustAnchors: false },
    "with the cluster's own anchor": { trustAnchorSource: "cluster" },
  })) {
    test(name, async () => assert.deepEqual(refusals(await previewed(values, anything)), []));
  }
});

suite("The preview of a rotation's step passes the policy pack", () => {
  for (const [name, values] of Object.entries<Values>({
    "begin, where the older generation vouches": vouched,
    "begin, where nobody vouches": { trustAnchorGenerations: [1, 2] },
    "begin --distrust": { ...vouched, distrustedTrustAnchors: [1] },
  })) {
    test(name, async () => assert.deepEqual(refusals(await previewed(values, ofSecond)), []));
  }
});

test("recover issues the certificate of an anchor again, with its key, and passes the policy pack", async () => {
  assert.deepEqual(refusals(await previewed({}, /^linkerd-trust-anchor(-certificate)?$/)), []);
});

test("a stack that takes in a mesh whose root it is given, and has no identifier of it, passes the policy pack", async () => {
  const provided = { providedTrustAnchors: { 1: { certificatePem, privateKeyPem } } };
  assert.deepEqual(refusals(await previewed(provided, /-subject$/)), []);
});

test("the key of an anchor that is given may be made beside the mesh, by the tls provider", async () => {
  const provided = { providedTrustAnchors: { 1: { certificatePem, privateKeyPem } } };
  const own = { type: "tls:index/privateKey:PrivateKey", name: "own", properties: { privateKeyPem } };
  assert.deepEqual(refusals(await stackOf(provided, { add: own })), []);
});
