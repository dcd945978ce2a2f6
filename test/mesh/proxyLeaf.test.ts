import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer as createPlainServer } from "node:net";
import { after, suite, test } from "node:test";
import { createServer } from "node:tls";
import { parseVector } from "../../mesh/prometheus.ts";
import { failedRefreshes, readLeaves } from "../../mesh/proxyLeaf.ts";
import { servedCertificates } from "../../mesh/servedCertificate.ts";
import { authority, keysOf, leaf } from "../certificates.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

suite("A proxy's metrics", () => {
  test("count the refreshes that failed, by the present name and the old one", () => {
    assert.equal(failedRefreshes(""), undefined);
    const counted = (name: string) =>
      failedRefreshes(
        `# HELP x\n${name}{result="ok"} 7\n${name}{result="error"} 2\nother{result="error"} 9\n`,
      );
    assert.equal(counted("control_identity_cert_refreshes_total"), 2);
    assert.equal(counted("identity_cert_refreshes_total"), 2);
    assert.equal(failedRefreshes('control_identity_cert_refreshes_total{result="ok"} 7'), 0);
  });
});

suite("A pod that is asked for its certificate", () => {
  const path = "/api/v1/namespaces/shop/pods";
  const pod = (name: string) => ({
    namespace: "shop",
    name,
    workload: { namespace: "shop", kind: "Pod", name },
    createdAt: new Date(),
  });
  const present = { metadata: { namespace: "shop" }, spec: {}, status: {} };

  test("is left out if it has gone, before it is asked or meanwhile", async () => {
    const api = await startApiServer();
    let looks = 0;
    api.objects = {
      [`${path}/leaving`]: () => (looks++ === 0 ? present : new Refusal(404, "not found")),
      [`${path}/silent`]: present,
    };
    const mesh = { ...api.cluster, namespace: "linkerd" };
    const answers = await readLeaves(mesh, "cluster.local", ["gone", "leaving", "silent"].map(pod));
    assert.deepEqual(
      answers.map((answer) => answer.pod.name),
      ["silent"],
    );
    assert.equal(looks, 2);
    assert.match(answers[0]!.failure ?? "", /404/);
  });

  test("is told with why it could not be asked if nobody may say whether it is there", async () => {
    const api = await startApiServer();
    api.objects = { [`${path}/hidden`]: new Refusal(403, "hidden from you") };
    const mesh = { ...api.cluster, namespace: "linkerd" };
    const [answer] = await readLeaves(mesh, "cluster.local", [pod("hidden")]);
    assert.match(answer?.failure ?? "", /hidden from you/);
  });
});

suite("Prometheus' answer", () => {
  test("has a value for each pod", () => {
    const answer = {
      status: "success",
      data: {
        resultType: "vector",
        result: [{ metric: { namespace: "shop", pod: "web" }, value: [1, "1790000000"] }],
      },
    };
    assert.deepEqual(parseVector(JSON.stringify(answer)), [
      { namespace: "shop", pod: "web", value: 1790000000 },
    ]);
  });
  test("may be a refusal", () => {
    assert.throws(
      () => parseVector('{"status":"error","error":"parse error"}'),
      /refuses the query: parse error/,
    );
  });
});

suite("A served certificate", () => {
  test("is read with what is behind it, though nobody trusts it, and it has ended", async () => {
    const anchor = await authority({ commonName: "root" });
    const issuer = await authority({ commonName: "identity", signer: anchor });
    const { publicKey, privateKey } = await keysOf();
    const ended = { notBefore: new Date(1e12), notAfter: new Date(1.1e12) };
    const end = await leaf({ commonName: "web.shop", signer: issuer, publicKey, ...ended });
    const key = KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" });
    const server = createServer({ key, cert: `${end}${issuer.certificate}` });
    after(() => server.close());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const chain = await servedCertificates(port, "web.shop", new AbortController().signal);
    assert.deepEqual(
      chain.map(({ x509 }) => x509.fingerprint256),
      [end, issuer.certificate].map(({ fingerprint256 }) => fingerprint256),
    );
  });

  test("is not there where no server is, or one that speaks no TLS", async () => {
    const server = createPlainServer((socket) => socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { signal } = new AbortController();
    await assert.rejects(servedCertificates(port, "web", signal), /wrong version number|closed/i);
    server.close();
    await once(server, "close");
    await assert.rejects(servedCertificates(port, "web", signal), /ECONNREFUSED/);
    const aborted = AbortSignal.abort(new Error("out of time"));
    await assert.rejects(servedCertificates(port, "web", aborted), /out of time/);
  });
});
