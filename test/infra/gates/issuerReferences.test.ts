import assert from "node:assert/strict";
import { test } from "node:test";
import { findMissing } from "../../../infra/gates/issuerReferences.ts";
import type { Finding } from "../../../rules/finding.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";

const api = await startApiServer();
const metadata = { name: "x", namespace: "linkerd" };
const certificateOf = (kind: string, group = "cert-manager.io") => ({
  metadata,
  spec: { issuerRef: { group, kind, name: "company" } },
});
const issuer = { metadata, spec: { vault: { auth: { tokenSecretRef: { name: "vault", key: "token" } } } } };

const secretPath = "/api/v1/namespaces/linkerd/secrets/vault";
const group = "/apis/cert-manager.io/v1";
/** A cluster that has cert-manager, and these objects. */
function check(
  referring: Parameters<typeof findMissing>[1],
  objects: object,
  installsCertManager = false,
): Promise<Finding[]> {
  const preferredVersion = { groupVersion: "cert-manager.io/v1", version: "v1" };
  api.objects = {
    "/apis": { groups: [{ name: "cert-manager.io", preferredVersion, versions: [preferredVersion] }] },
    [group]: {
      resources: [
        { name: "issuers/status", kind: "Issuer", namespaced: true },
        { name: "issuers", kind: "Issuer", namespaced: true },
        { name: "clusterissuers", kind: "ClusterIssuer", namespaced: false },
      ],
    },
    "/api/v1/namespaces/linkerd": {},
    ...objects,
  };
  return findMissing(Promise.resolve(api.cluster), referring, installsCertManager);
}

/** What is said of the one thing that is missing. */
async function missing(referring: Parameters<typeof findMissing>[1], objects: object): Promise<Finding> {
  const [finding, ...more] = await check(referring, objects);
  assert.deepEqual(more, []);
  return finding!;
}

test("what exists passes", async () => {
  const path = `${group}/namespaces/linkerd/issuers/company`;
  assert.deepEqual(await check(certificateOf("Issuer"), { [path]: {} }), []);
  assert.deepEqual(
    await check(certificateOf("ClusterIssuer"), { [`${group}/clusterissuers/company`]: {} }),
    [],
  );
  assert.deepEqual(await check(issuer, { [secretPath]: { data: { other: "", token: "" } } }), []);
});

test("an issuer that does not exist, or of an unknown kind or group, is refused", async () => {
  const { rule, field, message, fix } = await missing(certificateOf("Issuer"), {});
  assert.deepEqual(
    [rule, field, message, fix],
    [
      "issuer-exists",
      "identityIssuer.issuerRef",
      "The issuer Issuer.cert-manager.io company does not exist in namespace linkerd.",
      "Create it, and run pulumi up again; or correct name, kind and group.",
    ],
  );
  for (const [kind, ofGroup, expected] of [
    ["ClusterIssuer", "cert-manager.io", /ClusterIssuer\S+ company does not exist\.$/],
    ["VenafiIssuer", "cert-manager.io", /has no kind VenafiIssuer in the API group cert-manager\.io\./],
    ["AWSPCAIssuer", "awspca.cert-manager.io", /has no kind AWSPCAIssuer in the API group awspca\.cert-/],
  ] as const) {
    assert.match((await missing(certificateOf(kind, ofGroup), {})).message, expected);
  }
});

test("a Secret that does not exist, or lacks the key, is refused with the command that makes it", async () => {
  const { rule, field, message, fix } = await missing(issuer, {});
  assert.deepEqual([rule, field], ["vault-login", "identityIssuer.vault"]);
  assert.match(message, /^Secret linkerd\/vault does not exist;/);
  assert.match(fix, /kubectl create secret generic -n linkerd vault --from-file=token=<file>/);
  assert.match((await missing(issuer, { [secretPath]: {} })).message, /linkerd\/vault is empty/);
  assert.match(
    (await missing(issuer, { [secretPath]: { data: { other: "" } } })).message,
    /has no key token, but other/,
  );
});

test("if the cluster cannot be asked, cert-manager has the last word", async () => {
  assert.deepEqual(await check(issuer, { [secretPath]: new Refusal(403, "secrets is forbidden") }), []);
  assert.deepEqual(await findMissing(Promise.reject(new Error("no kubeconfig")), issuer, false), []);
});

test("a kind that its group serves in an older version alone is found there", async () => {
  const versions = ["v1", "v1beta1"].map((version) => ({ groupVersion: `example.com/${version}`, version }));
  const older = "/apis/example.com/v1beta1";
  const found = await check(certificateOf("Signer", "example.com"), {
    "/apis": { groups: [{ name: "example.com", preferredVersion: versions[0], versions }] },
    "/apis/example.com/v1": { resources: [] },
    [older]: { resources: [{ name: "signers", kind: "Signer", namespaced: true }] },
    [`${older}/namespaces/linkerd/signers/company`]: {},
  });
  assert.deepEqual(found, []);
});

test("what cannot be there yet is not missed: in a namespace that is made first, or of cert-manager's own", async () => {
  const noNamespace = { "/api/v1/namespaces/linkerd": undefined };
  assert.deepEqual(await check(certificateOf("Issuer"), noNamespace), []);
  assert.deepEqual(await check(issuer, noNamespace), []);
  assert.equal((await check(certificateOf("ClusterIssuer"), noNamespace)).length, 1);
  const bare = { "/apis": { groups: [] } };
  assert.deepEqual(await check(certificateOf("ClusterIssuer"), bare, true), []);
  assert.equal((await check(certificateOf("ClusterIssuer"), bare, false)).length, 1);
});
