import assert from "node:assert/strict";
import { test } from "node:test";
import { readEvidence, readRemaining, readSigner } from "../../mesh/rotationEvidence.ts";
import { installationAnnotation } from "../../rules/mesh/owner.ts";
import { authority, type Fabricated, hoursFromNow } from "../certificates.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };
const secrets = "/api/v1/namespaces/linkerd/secrets";
const made = (installation?: string) => ({
  metadata: installation === undefined ? {} : { annotations: { [installationAnnotation]: installation } },
});
const remaining = async (before: object, ...generations: number[]) => {
  api.objects = {
    [`${secrets}/linkerd-trust-anchor`]: before,
    [`${secrets}/linkerd-trust-anchor-2`]: made("ours"),
  };
  return readRemaining(mesh, { generations });
};

test("a generation that a run was to delete, and has not, is still there", async () => {
  assert.deepEqual(await remaining(made("ours"), 2), ["generation 1 is still there, with its key"]);
});

test("a Secret of its name that is someone else's is not waited for", async () => {
  assert.deepEqual(await remaining(made("theirs"), 2), []);
  assert.deepEqual(await remaining(made(), 2), []);
  assert.deepEqual(await remaining(made("ours"), 1, 2), []);
});

test("who may not see it is not held up, and a server that fails is told of", async () => {
  assert.deepEqual(await remaining(new Refusal(403, "forbidden"), 2), []);
  await assert.rejects(remaining(new Refusal(500, "broken"), 2), /Secret of generation 1/);
});

const [old, next, stranger] = await Promise.all(
  ["company 1", "company 2", "stranger"].map((commonName) =>
    authority({ commonName, notAfter: hoursFromNow(100_000) }),
  ),
);
const pemOf = ({ certificate }: Fabricated) => certificate.toString();
const inLinkerd = "/api/v1/namespaces/linkerd";
const writtenAt = "2026-11-27T11:00:00Z";
const setAt = "2026-01-01T00:00:00Z";
/** Someone else signs, or generation 1 does. */
const plannedWith = (signing: number | undefined) => ({
  ...{ generations: [1, 2], signing, provided: { 1: pemOf(old!), 2: pemOf(next!) } },
  ...{ validityPeriodHours: undefined, protection: undefined, distrusted: [], crossSigned: [] },
  rotationAllowance: undefined,
});

/** A mesh whose issuer `signer` has signed, for a Certificate that names an Issuer. */
async function holding(signer: Fabricated, issuer = "company") {
  const stored = await authority({ commonName: "identity.linkerd.cluster.local", signer });
  const managed = (fieldsV1: object, time: string) => ({ managedFields: [{ manager: "a", time, fieldsV1 }] });
  const named = managed({ "f:spec": { "f:issuerRef": {} } }, setAt);
  const data = { "tls.crt": Buffer.from(pemOf(stored)).toString("base64") };
  api.objects = {
    [`${inLinkerd}/configmaps/linkerd-config`]: { data: { values: "{}" } },
    [`${inLinkerd}/configmaps/linkerd-identity-trust-roots`]: {
      data: { "ca-bundle.crt": [old!, next!].map(pemOf).join("") },
    },
    [`${inLinkerd}/pods`]: { items: [] },
    "/api/v1/pods": { metadata: {}, items: [] },
    [`${inLinkerd}/secrets/linkerd-identity-issuer`]: {
      metadata: managed({ "f:data": { "f:tls.crt": {} } }, writtenAt),
      data,
    },
    "/apis/cert-manager.io/v1/namespaces/linkerd/certificates": {
      items: [
        { metadata: named, spec: { secretName: "linkerd-identity-issuer", issuerRef: { name: issuer } } },
      ],
    },
  };
}

test("the stored issuer says which generation signs, where no setting does", async () => {
  for (const [signer, generation] of [
    [old, 1],
    [next, 2],
    [stranger, undefined],
  ] as const) {
    await holding(signer!);
    assert.equal(await readSigner(mesh, plannedWith(undefined)), generation);
  }
  api.objects = { ...api.objects, [`${inLinkerd}/secrets/linkerd-identity-issuer`]: undefined };
  assert.equal(await readSigner(mesh, plannedWith(undefined)), undefined);
});

test("how long a signer has signed, its Issuer tells only if that is of an anchor of the stack; else the Secret does", async () => {
  for (const [issuer, signing, time] of [
    ["linkerd-trust-anchor", 1, setAt],
    ["linkerd-trust-anchor-2-cross-signed", 2, setAt],
    ["linkerd-identity-vault", undefined, writtenAt],
    ["linkerd-trust-anchor", undefined, writtenAt],
    ["linkerd-trust-anchor-company", 1, writtenAt],
  ] as const) {
    await holding(old!, issuer);
    const { signerSetAt } = await readEvidence(mesh, plannedWith(signing), false);
    assert.deepEqual(signerSetAt, new Date(time), `${issuer} ${signing}`);
  }
});
