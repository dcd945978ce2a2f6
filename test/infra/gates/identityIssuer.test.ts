import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { checkHeldIssuer, checkIssuerOf } from "../../../infra/gates/identityIssuer.ts";
import { parseCertificate } from "../../../rules/credentials/parseCertificate.ts";
import { checkStoredIssuer } from "../../../rules/credentials/storedIssuer.ts";
import { authority, type Fabricated, hoursFromNow } from "../../certificates.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";
import { record } from "../../registrations.ts";

const root = await authority({
  commonName: "root.linkerd.cluster.local",
  notAfter: hoursFromNow(87_600),
});
const issuerBelow = (signer: Fabricated) =>
  authority({ commonName: "identity.linkerd.cluster.local", signer });
const issuer = await issuerBelow(root);
const rootPem = root.certificate.toString().trimEnd();

const keyOf = ({ privateKey }: Fabricated) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const base64 = (text: string) => Buffer.from(text).toString("base64");
const secretOf = (one: Fabricated) => ({
  "tls.crt": base64(one.certificate.toString().trimEnd()),
  "tls.key": base64(keyOf(one)),
  "ca.crt": base64(rootPem),
});

const api = await startApiServer();
const secretPath = "/api/v1/namespaces/linkerd/secrets/linkerd-identity-issuer";

/** A cluster with this Secret, and with this bundle in the ConfigMap that trust-manager keeps. */
function holding(data: Readonly<Record<string, string>> | undefined, bundle = "") {
  api.objects = {
    ...(data === undefined ? {} : { [secretPath]: { data } }),
    "/api/v1/namespaces/linkerd/configmaps/linkerd-identity-trust-roots": {
      data: { "ca-bundle.crt": bundle },
    },
  };
  return Promise.resolve(api.cluster);
}

const lifetimes = { issuanceLifetime: "24h", clockSkewAllowance: "20s" };
const mesh = { identityTrustDomain: "cluster.local", identityTrustAnchorsPEM: rootPem };
const values = { ...mesh, identity: { issuer: lifetimes } };
const release = { name: "linkerd-control-plane", namespace: "linkerd", timeout: 0, values };

test("an issuer that an anchor has signed passes, whoever has the bundle", async () => {
  const cluster = holding(secretOf(issuer), rootPem);
  await checkIssuerOf(cluster, release);
  const externalCA = {
    identityTrustDomain: "cluster.local",
    identity: { externalCA: true, issuer: lifetimes },
  };
  await checkIssuerOf(cluster, { ...release, values: externalCA });
});

test("an issuer that leads to no anchor is refused", async () => {
  const stranger = await authority({ commonName: "stranger", notAfter: hoursFromNow(87_600) });
  await assert.rejects(
    checkIssuerOf(holding(secretOf(await issuerBelow(stranger))), release),
    /Secret linkerd\/linkerd-identity-issuer, tls\.crt: .*leads to no trust anchor/,
  );
});

test("an issuer with another's key is refused, and the key is not shown", async () => {
  const another = await issuerBelow(root);
  const mixed = { ...secretOf(issuer), "tls.key": secretOf(another)["tls.key"] };
  await assert.rejects(checkIssuerOf(holding(mixed), release), (error: Error) => {
    assert.match(error.message, /Secret linkerd\/linkerd-identity-issuer, tls\.key: The key does not belong/);
    assert.ok(!error.message.includes(keyOf(another).split("\n")[1]!));
    return true;
  });
});

test("a Secret with other keys is refused", () =>
  assert.rejects(
    checkIssuerOf(holding({ "crt.pem": base64(rootPem) }), release),
    /The Secret has crt\.pem, but not tls\.crt and tls\.key/,
  ));

test("a Secret that is not written in time is missed, one that is written meanwhile is awaited", async () => {
  await assert.rejects(checkIssuerOf(holding(undefined), release), /does not exist after 0 s/);
  const cluster = holding(undefined);
  let looks = 0;
  const written = () => (looks++ === 0 ? { data: {} } : { data: secretOf(issuer) });
  api.objects = { [secretPath]: written };
  await record(() => checkIssuerOf(cluster, { ...release, timeout: 10 }));
  assert.equal(looks, 2);
});

test("without an answer of the cluster, the control plane is not changed", async () => {
  api.objects = { [secretPath]: new Refusal(403, "secrets is forbidden") };
  await assert.rejects(checkIssuerOf(Promise.resolve(api.cluster), release), (error: Error) => {
    assert.ok(pulumi.RunError.isInstance(error));
    assert.match(
      error.message,
      /identity issuer in namespace linkerd cannot be read.*: secrets is forbidden \(HTTP 403\)\. This user needs "get"/,
    );
    return true;
  });
  const unknown = Promise.reject(new Error('Context "x" is not in the kubeconfig. Its contexts: y.'));
  await assert.rejects(
    checkIssuerOf(unknown, release),
    /checked: Context "x" is not in the kubeconfig\. Its/,
  );
});

test("without ca.crt it passes, with a warning", async () => {
  const { "ca.crt": _, ...data } = secretOf(issuer);
  const field = "Secret linkerd/linkerd-identity-issuer";
  const purpose = { trustDomain: "cluster.local", ...lifetimes, now: new Date() };
  const bundle = { field: "bundle", text: rootPem };
  assert.deepEqual(
    checkStoredIssuer({ field, data }, bundle, purpose, parseCertificate).map(({ rule, severity }) => ({
      rule,
      severity,
    })),
    [{ rule: "secret-ca-crt", severity: "warning" }],
  );
  await checkIssuerOf(holding(data), release);
});

test("someone else's Secret that is wrong is refused before anything is changed, and one that is absent is not", async () => {
  const stranger = await authority({ commonName: "stranger", notAfter: hoursFromNow(87_600) });
  const args = { identityIssuer: { source: "secret" } } as const;
  const look = (cluster: ReturnType<typeof holding>, provided?: Fabricated) => {
    const anchor = provided && { provided: { 1: { certificatePem: provided.certificate.toString() } } };
    return checkHeldIssuer(cluster, resolve({ ...args, ...(anchor && { trustAnchor: anchor }) }));
  };
  const refusal = /Secret linkerd\/linkerd-identity-issuer, tls\.crt: .*leads to no trust anchor/;
  await assert.rejects(look(holding(secretOf(await issuerBelow(stranger)), rootPem)), refusal);
  await look(holding(secretOf(issuer), rootPem));
  await look(holding(undefined, rootPem));
  await look(Promise.reject(new Error("no kubeconfig")));
  await look(holding(secretOf(issuer), rootPem), root);
  await assert.rejects(look(holding(secretOf(issuer), rootPem), stranger), refusal);
  await checkHeldIssuer(holding(secretOf(await issuerBelow(stranger)), rootPem), resolve({}));
});
