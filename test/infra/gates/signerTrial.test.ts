import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../../../infra/config.ts";
import { SignerTrial } from "../../../infra/gates/signerTrial.ts";
import { bundleSha256 } from "../../../rules/credentials/bundle.ts";
import { authority, type Fabricated, hoursFromNow, leaf } from "../../certificates.ts";
import type { Values } from "../../configured.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";
import { record } from "../../registrations.ts";

const api = await startApiServer();
const group = "/apis/cert-manager.io/v1";
const inNamespace = `${group}/namespaces/linkerd`;
const certificate = `${inNamespace}/certificates/linkerd-identity-issuer`;
const requests = `${inNamespace}/certificaterequests`;
const request = `${requests}/linkerd-identity-issuer-trial`;
const trialIssuer = `${inNamespace}/issuers/linkerd-identity-issuer-trial`;

const lasting = { notAfter: hoursFromNow(87_600) };
const root = await authority({ commonName: "root.linkerd.cluster.local", ...lasting });
const other = await authority({ commonName: "other", ...lasting });
const issuerBelow = (signer: Fabricated) =>
  authority({ commonName: "identity.linkerd.cluster.local", signer });
const pemOf = ({ certificate: one }: Pick<Fabricated, "certificate">) => one.toString().trimEnd();

const reference = { group: "cert-manager.io", kind: "Issuer", name: "company" };
const settings: Values = { identityIssuerRef: { name: "company" }, helmTimeoutSeconds: 0 };

const condition = (type: string, status: string, reason: string) => ({
  type,
  status,
  reason,
  message: "why",
});
const answered = async (signed: Promise<Pick<Fabricated, "certificate">>) => ({
  status: {
    conditions: [condition("Ready", "True", "Issued")],
    certificate: Buffer.from(pemOf(await signed)).toString("base64"),
  },
});

/** A cluster whose mesh trusts `root`, with the issuer `company`, which answers so. */
function cluster(answer: unknown, more: object = {}) {
  const served = { groupVersion: "cert-manager.io/v1", version: "v1" };
  api.objects = {
    "/apis": { groups: [{ name: "cert-manager.io", preferredVersion: served, versions: [served] }] },
    [group]: { resources: [{ name: "issuers", kind: "Issuer", namespaced: true }] },
    "/api/v1/namespaces/linkerd": {},
    "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots": {
      data: { "ca-bundle.crt": pemOf(root) },
    },
    "/api/v1/namespaces/linkerd/configmaps/linkerd-config": { data: { values: "{}" } },
    "/api/v1/pods": { metadata: {}, items: [] },
    [certificate]: { spec: { issuerRef: { ...reference, name: "linkerd-trust-anchor" } } },
    [`${inNamespace}/issuers/company`]: {},
    [requests]: {},
    [request]: answer,
    ...more,
  };
}

beforeEach(() => {
  api.requests = [];
});

const trialOf = (values: Values) =>
  new SignerTrial(Promise.resolve(api.cluster), resolve(argumentsOf(values)), inConfiguration);
/** Runs it as an update does before it changes anything. */
const first = (values: Values = settings) => record(() => trialOf(values).first());
const asked = () => api.requests.filter((one) => one === `POST ${requests}`).length;

/** Fails unless what is wrong is told in the user's words, and nothing is left on the cluster. */
async function refused(run: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(run, (error: Error) => {
    assert.ok(pulumi.RunError.isInstance(error));
    assert.match(error.message, message);
    return true;
  });
  assert.equal(asked(), 1);
  assert.equal(
    api.requests.findLast((one) => one.endsWith(request)),
    `DELETE ${request}`,
  );
}

test("an issuer below the bundle passes, and is asked once, by a request that is removed", async () => {
  cluster(await answered(issuerBelow(root)));
  await first();
  assert.equal(asked(), 1);
  assert.equal(
    api.requests.findLast((one) => one.endsWith(request)),
    `DELETE ${request}`,
  );
});

const pods = "/api/v1/pods";

test("one that a pod of the mesh would refuse is refused, and so is one of which that cannot be seen", async () => {
  const pod = {
    metadata: {
      ...{ namespace: "shop", name: "web-1" },
      annotations: {
        "linkerd.io/proxy-version": "edge-26.8.3",
        "linkerd.io/trust-root-sha256": bundleSha256(pemOf(other)),
      },
      ownerReferences: [{ kind: "StatefulSet", name: "web", controller: true }],
    },
  };
  const trusted = "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots";
  const both = { data: { "ca-bundle.crt": `${pemOf(root)}\n${pemOf(other)}` } };
  const more = { [pods]: { metadata: {}, items: [pod] }, [trusted]: both };
  const joined = {
    ...settings,
    trustAnchorGenerations: [1, 2],
    providedTrustAnchors: { 1: { certificatePem: pemOf(root) }, 2: { certificatePem: pemOf(other) } },
  };
  cluster(await answered(issuerBelow(root)), more);
  await refused(
    first(joined),
    /identityIssuerRef: Issuer\S+ company is to sign, and 1 pod would refuse .* "other"\. They are of StatefulSet shop\/web\./,
  );
  api.requests = [];
  cluster(await answered(issuerBelow(other)), more);
  await first(joined);
  api.requests = [];
  cluster(await answered(issuerBelow(root)), { [pods]: new Refusal(403, "pods is forbidden") });
  await refused(first(), /whether the pods of the mesh accept that cannot be seen: .*pods is forbidden/);
});

test("a signer that has signed before is asked nothing, and what an interrupted run has left is removed", async () => {
  cluster({}, { [certificate]: { spec: { issuerRef: reference } } });
  await first();
  assert.equal(asked(), 0);
  await first({});
  assert.deepEqual(
    api.requests.filter((one) => one.startsWith("DELETE")),
    Array.from({ length: 2 }, () => [`DELETE ${request}`, `DELETE ${trialIssuer}`]).flat(),
  );
});

test("an issuer that leads elsewhere, or answers with a leaf, is refused", async () => {
  cluster(await answered(issuerBelow(other)));
  const where = "identityIssuerRef, what Issuer\\.cert-manager\\.io company has signed on trial: ";
  await refused(first(), new RegExp(`${where}.*leads to no trust anchor`));
  api.requests = [];
  const signed = leaf({ commonName: "identity.linkerd.cluster.local", signer: root });
  cluster(await answered(signed.then((one) => ({ certificate: one }))));
  await refused(first(), new RegExp(`${where}.*is not an authority`));
});

test("one below an anchor that goes, or is still to come, is refused", async () => {
  cluster(await answered(issuerBelow(root)));
  const leaving = { ...settings, trustAnchorGenerations: [2], protectTrustAnchors: false };
  await refused(first(leaving), /./);
  api.requests = [];
  cluster(await answered(issuerBelow(other)));
  const provided = { 2: { certificatePem: pemOf(other) } };
  const joining = { ...settings, trustAnchorGenerations: [1, 2], providedTrustAnchors: provided };
  await refused(first(joining), /leads to no trust anchor/);
});

test("a request that fails, or that nobody approves, is refused with what was seen", async () => {
  cluster({ status: { conditions: [condition("Ready", "False", "Failed")] } });
  await refused(
    first(),
    /identityIssuerRef: Issuer\S+ company has signed nothing: .*was refused: Ready=False \(Failed: why\)/,
  );
  api.requests = [];
  cluster({});
  await refused(
    first(),
    /is not Ready after 0 s, and nobody has approved it: no condition.*\n.*approveSignerNames/,
  );
  api.requests = [];
  cluster({}, { [requests]: new Refusal(403, "certificaterequests is forbidden") });
  await refused(
    first(),
    /certificaterequests is forbidden.*\n.*needs create, get and delete on CertificateRequests/,
  );
});

test("a signer that does not exist is refused before anything else; one that cannot exist yet is not", async () => {
  const absent = { [`${inNamespace}/issuers/company`]: undefined };
  cluster({}, absent);
  await assert.rejects(
    first(),
    /identityIssuerRef: The issuer Issuer\S+ company does not exist in namespace linkerd/,
  );
  cluster({}, { ...absent, "/api/v1/namespaces/linkerd": undefined, [certificate]: undefined });
  api.objects = {
    ...api.objects,
    "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots": undefined,
  };
  await first();
  assert.equal(asked(), 0);
});

test("what only the engine knows is left to the hook", async () => {
  cluster({});
  const name = pulumi.output("company");
  await first({ identityIssuerRef: { name } });
  const auth = { tokenSecretRef: { name, key: "token" } };
  await first({ vaultIssuer: { server: "https://vault", path: "pki/root/sign-intermediate", auth } });
  assert.deepEqual(
    api.requests.filter((one) => !one.startsWith("DELETE")),
    [],
  );
});

/** Runs the hook of a resource, as an update does; the old spec is `null` if it was imported. */
async function hooked(values: Values, name: string, newSpec: object, oldSpec?: object | null): Promise<void> {
  let transform!: pulumi.ResourceTransform;
  await record(() => {
    transform = trialOf(values).transform();
  });
  const type = "kubernetes:cert-manager.io/v1:Certificate";
  const transformed = await transform({ custom: true, type, name, props: {}, opts: {} });
  const [hook] = transformed!.opts.hooks!.beforeUpdate as pulumi.ResourceHook[];
  const inputs = (spec: object | null) => ({
    metadata: { name, namespace: "linkerd" },
    ...(spec && { spec }),
  });
  await hook!.callback({
    urn: "",
    id: "",
    name,
    type,
    newInputs: inputs(newSpec),
    ...(oldSpec !== undefined && { oldInputs: inputs(oldSpec) }),
  });
}

test("a Certificate that gets another signer is held until that has been tried", async () => {
  cluster(await answered(issuerBelow(other)));
  const before = { issuerRef: { ...reference, name: "linkerd-trust-anchor" } };
  const run = () => hooked(settings, "linkerd-identity-issuer", { issuerRef: reference }, before);
  await refused(run(), /leads to no trust anchor/);
  await hooked(
    settings,
    "linkerd-identity-issuer",
    { issuerRef: reference, duration: "72h" },
    { issuerRef: reference },
  );
  await hooked(settings, "linkerd-proxy-injector", {}, before);
  assert.equal(asked(), 1);
});

test("the signer of a Certificate that was imported is tried, since the state does not say who it was", async () => {
  cluster(await answered(issuerBelow(root)));
  await hooked(settings, "linkerd-identity-issuer", { issuerRef: reference }, null);
  assert.equal(asked(), 1);
});

test("an Issuer of Vault's that changes is tried under another name, with a token for its own", async () => {
  const vaultIssuer = {
    server: "https://vault",
    path: "pki/root/sign-intermediate",
    auth: { kubernetes: { role: "linkerd" } },
  };
  cluster(await answered(issuerBelow(root)), { [`${inNamespace}/issuers`]: {} });
  const vault = (path: string) => ({
    vault: { path, auth: { kubernetes: { role: "linkerd", serviceAccountRef: { name: "x" } } } },
  });
  const values = { ...settings, identityIssuerRef: undefined, vaultIssuer };
  await hooked(values, "linkerd-identity-vault", vault("new"), vault("old"));
  assert.deepEqual(
    api.requests.filter((one) => /POST/.test(one)),
    [`POST ${inNamespace}/issuers`, `POST ${requests}`],
  );
  assert.ok(api.requests.includes(`DELETE ${trialIssuer}`));
  await hooked(values, "linkerd-identity-vault", vault("new"));
  assert.equal(asked(), 1);
});
