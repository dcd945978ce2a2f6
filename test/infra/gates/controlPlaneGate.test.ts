import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { test } from "node:test";
import { checkIssuerOf } from "../../../infra/gates/controlPlaneGate.ts";
import type { Kubectl } from "../../../infra/gates/kubectl.ts";
import { parseCertificate } from "../../../rules/credentials/parseCertificate.ts";
import { checkStoredIssuer } from "../../../rules/credentials/storedIssuer.ts";
import { authority, type Fabricated, hoursFromNow } from "../../certificates.ts";

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

/** A cluster with this Secret, and with this bundle in the ConfigMap that trust-manager keeps. */
const holding =
  (secret: Readonly<Record<string, string>> | undefined, bundle = ""): Kubectl =>
  async (_get, kind) => {
    if (kind === "configmap") return JSON.stringify({ data: { "ca-bundle.crt": bundle } });
    return secret === undefined ? "" : JSON.stringify({ data: secret });
  };

const lifetimes = { issuanceLifetime: "24h", clockSkewAllowance: "20s" };
const mesh = { identityTrustDomain: "cluster.local", identityTrustAnchorsPEM: rootPem };
const values = { ...mesh, identity: { issuer: lifetimes } };
const release = { name: "linkerd-control-plane", namespace: "linkerd", timeout: 0, values };

test("an issuer that an anchor has signed passes, wherever the chart has its values", async () => {
  const kubectl = holding(secretOf(issuer), rootPem);
  await checkIssuerOf(kubectl, release);
  await checkIssuerOf(kubectl, { ...release, values: { global: mesh, identity: { issuer: lifetimes } } });
  const externalCA = {
    identityTrustDomain: "cluster.local",
    identity: { externalCA: true, issuer: lifetimes },
  };
  await checkIssuerOf(kubectl, { ...release, values: externalCA });
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

test("a Secret that is not written in time is missed", () =>
  assert.rejects(checkIssuerOf(holding(undefined), release), /is not there after 0 s/));

test("without an answer of the cluster, the control plane is not touched", () =>
  assert.rejects(
    checkIssuerOf(() => Promise.reject(new Error("Forbidden")), release),
    /identity issuer in namespace linkerd cannot be looked at.*: Forbidden\. kubectl must reach the cluster/,
  ));

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
