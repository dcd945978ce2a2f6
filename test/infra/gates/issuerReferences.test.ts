import assert from "node:assert/strict";
import { test } from "node:test";
import { checkReferences } from "../../../infra/gates/issuerReferences.ts";
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
function check(referring: Parameters<typeof checkReferences>[1], objects: object): Promise<void> {
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
    ...objects,
  };
  return checkReferences(Promise.resolve(api.cluster), referring);
}

test("what exists passes", async () => {
  await check(certificateOf("Issuer"), { [`${group}/namespaces/linkerd/issuers/company`]: {} });
  await check(certificateOf("ClusterIssuer"), { [`${group}/clusterissuers/company`]: {} });
  await check(issuer, { [secretPath]: { data: { other: "", token: "" } } });
});

test("an issuer that does not exist, or of an unknown kind or group, is refused", async () => {
  await assert.rejects(check(certificateOf("Issuer"), {}), {
    message:
      "identityIssuerRef: the issuer Issuer.cert-manager.io company does not exist in namespace linkerd. " +
      "Create it, and run pulumi up again; or correct name, kind and group.",
  });
  await assert.rejects(
    check(certificateOf("ClusterIssuer"), {}),
    /ClusterIssuer\S+ company does not exist\. /,
  );
  await assert.rejects(
    check(certificateOf("VenafiIssuer"), {}),
    /has no kind VenafiIssuer in the API group cert-manager\.io\./,
  );
  await assert.rejects(
    check(certificateOf("AWSPCAIssuer", "awspca.cert-manager.io"), {}),
    /has no kind AWSPCAIssuer in the API group awspca\.cert-manager\.io\./,
  );
});

test("a Secret that does not exist, or lacks the key, is refused with the command that makes it", async () => {
  await assert.rejects(
    check(issuer, {}),
    /Secret linkerd\/vault does not exist.*kubectl create secret generic -n linkerd vault --from-file=token=<file>/,
  );
  await assert.rejects(check(issuer, { [secretPath]: {} }), /linkerd\/vault is empty/);
  await assert.rejects(
    check(issuer, { [secretPath]: { data: { other: "" } } }),
    /has no key token, but other/,
  );
});

test("if the cluster cannot be asked, cert-manager has the last word", async () => {
  await check(issuer, { [secretPath]: new Refusal(403, "secrets is forbidden") });
  await checkReferences(Promise.reject(new Error("no kubeconfig")), issuer);
});

test("a kind that its group serves in an older version alone is found there", async () => {
  const versions = ["v1", "v1beta1"].map((version) => ({ groupVersion: `example.com/${version}`, version }));
  const older = "/apis/example.com/v1beta1";
  await check(certificateOf("Signer", "example.com"), {
    "/apis": { groups: [{ name: "example.com", preferredVersion: versions[0], versions }] },
    "/apis/example.com/v1": { resources: [] },
    [older]: { resources: [{ name: "signers", kind: "Signer", namespaced: true }] },
    [`${older}/namespaces/linkerd/signers/company`]: {},
  });
});
