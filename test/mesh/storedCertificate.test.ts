import assert from "node:assert/strict";
import { test } from "node:test";
import { readStoredCertificate } from "../../mesh/storedCertificate.ts";
import { authority } from "../certificates.ts";
import { startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const { certificate } = await authority({ commonName: "identity.linkerd.cluster.local" });

test("a Secret is a Certificate's only while cert-manager is who has written its certificate", async () => {
  const writtenFor = async (manager: string, field: string) => {
    const data = { "tls.crt": Buffer.from(certificate.toString()).toString("base64") };
    // Annotations stay when someone else takes a Secret over.
    const annotations = { "cert-manager.io/certificate-name": "issuer" };
    const managedFields = [{ manager, fieldsV1: { "f:data": { [field]: {} } } }];
    api.objects = {
      "/api/v1/namespaces/linkerd/secrets/s": { metadata: { annotations, managedFields }, data },
    };
    return (await readStoredCertificate({ ...api.cluster, namespace: "linkerd" }, "s")).writtenFor;
  };
  assert.equal(await writtenFor("cert-manager-certificates-issuing", "f:tls.crt"), "issuer");
  assert.equal(await writtenFor("cert-manager-certificates-issuing", "f:ca.crt"), undefined);
  assert.equal(await writtenFor("kubectl-patch", "f:tls.crt"), undefined);
});

test("it was written when its certificate was, not when something else of the Secret was", async () => {
  const data = { "tls.crt": Buffer.from(certificate.toString()).toString("base64") };
  const writtenAt = async (...managedFields: object[]) => {
    api.objects = { "/api/v1/namespaces/linkerd/secrets/s": { metadata: { managedFields }, data } };
    return (await readStoredCertificate({ ...api.cluster, namespace: "linkerd" }, "s")).writtenAt;
  };
  const by = (manager: string, field: string, time?: string) => ({
    ...{ manager, time },
    fieldsV1: { "f:data": { [field]: {} } },
  });
  const time = "2026-11-27T10:00:00Z";
  const later = "2026-11-27T11:00:00Z";
  assert.deepEqual(await writtenAt(by("a", "f:tls.crt", time), by("b", "f:ca.crt", later)), new Date(time));
  assert.deepEqual(await writtenAt(by("a", "f:tls.crt", time), by("b", "f:tls.crt", later)), new Date(later));
  assert.equal(await writtenAt(by("a", "f:tls.crt")), undefined);
  assert.equal(await writtenAt(), undefined);
});
