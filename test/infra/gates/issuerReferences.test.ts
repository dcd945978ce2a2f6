import assert from "node:assert/strict";
import { test } from "node:test";
import { checkReferences } from "../../../infra/gates/issuerReferences.ts";
import type { Kubectl } from "../../../infra/gates/kubectl.ts";

const answering =
  (output: string): Kubectl =>
  async () =>
    output;
const failing =
  (message: string): Kubectl =>
  () =>
    Promise.reject(new Error(message));

const metadata = { name: "x", namespace: "linkerd" };
const certificate = {
  metadata,
  spec: { issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "company" } },
};
const issuer = { metadata, spec: { vault: { auth: { tokenSecretRef: { name: "vault", key: "token" } } } } };

test("what is there passes", async () => {
  await checkReferences(answering("issuer.cert-manager.io/company\n"), certificate);
  await checkReferences(answering("other\ntoken\n"), issuer);
});

test("an issuer that is not there, or of an unknown kind, is refused", async () => {
  const message =
    /^Error: identityIssuerRef: the issuer Issuer\.cert-manager\.io company is not there, in the namespace linkerd\./;
  await assert.rejects(checkReferences(answering(""), certificate), message);
  const unknown = `error: the server doesn't have a resource type "Issuer"`;
  await assert.rejects(checkReferences(failing(unknown), certificate), message);
});

test("a Secret that is not there, or lacks the key, is refused with the command that makes it", async () => {
  await assert.rejects(
    checkReferences(answering(""), issuer),
    /linkerd\/vault is not there.*kubectl create secret generic -n linkerd vault --from-file=token=<file>/,
  );
  await assert.rejects(checkReferences(answering("other\n"), issuer), /has no key token, but other/);
});

test("where kubectl cannot tell, cert-manager has the last word", () =>
  checkReferences(failing("spawn kubectl ENOENT"), certificate));
