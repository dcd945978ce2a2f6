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
