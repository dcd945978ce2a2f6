import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { test } from "node:test";
import { findFaults } from "../../../operations/recover/stackObjects.ts";
import { authority, type Fabricated } from "../../certificates.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";

test("an anchor's Secret that is missing, holds another root, or another key, is told", async () => {
  const api = await startApiServer();
  const [own, foreign] = await Promise.all(
    ["root.linkerd.cluster.local", "root.other.mesh"].map((commonName) => authority({ commonName })),
  );
  const encoded = (text: string) => Buffer.from(text).toString("base64");
  const keyOf = ({ privateKey }: Fabricated) =>
    encoded(String(KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" })));
  const certificateOf = ({ certificate }: Fabricated) => encoded(String(certificate));
  const name = "linkerd-trust-anchor";
  const state = {
    objects: [{ apiVersion: "v1", kind: "Secret", name, namespace: "linkerd" }],
    anchors: [{ name, generation: 1, signs: true, fingerprintSha256: own!.certificate.fingerprint256 }],
    pending: [],
    hasPendingCreates: false,
  };
  const faultsWith = async (secret: unknown) => {
    api.objects = { [`/api/v1/namespaces/linkerd/secrets/${name}`]: secret };
    return (await findFaults(api.cluster, state)).map(({ message }) => message).join();
  };
  const data = (crt: string, key: string) => ({ data: { "tls.crt": crt, "tls.key": key } });
  assert.equal(await faultsWith(data(certificateOf(own!), keyOf(own!))), "");
  assert.match(await faultsWith(new Refusal(404, "not found")), /does not exist/);
  assert.match(
    await faultsWith(data(certificateOf(foreign!), keyOf(foreign!))),
    new RegExp(`${foreign!.certificate.fingerprint256}.*${own!.certificate.fingerprint256}`),
  );
  assert.match(await faultsWith(data(certificateOf(own!), keyOf(foreign!))), /tls.key/);
  assert.match(await faultsWith({ data: {} }), /no certificate/);
  await assert.rejects(faultsWith(new Refusal(403, "hidden from you")), /hidden from you/);
});
