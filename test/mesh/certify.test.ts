import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { type CertifyRequest, type CertifyResponse, certifyAt, identityService } from "../../mesh/certify.ts";
import { authority, leaf, parsed } from "../certificates.ts";

const identity = "default.linkerd.serviceaccount.identity.linkerd.cluster.local";
const token = "token-that-nobody-may-see";
const anchor = await authority({ commonName: "root.linkerd.cluster.local" });
const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });

type Answer = (request: CertifyRequest) => Promise<CertifyResponse>;

/** Signs the request with the issuer, as the identity controller does. */
const answerTruly: Answer = async ({ certificateSigningRequest }) => {
  const publicKey = await new Pkcs10CertificateRequest(certificateSigningRequest).publicKey.export();
  const certificate = await leaf({ commonName: identity, signer: issuer, publicKey });
  return { leafCertificate: certificate.raw, intermediateCertificates: [issuer.certificate.raw] };
};

let answer: Answer = answerTruly;
const server = new Server();
const certify: handleUnaryCall<CertifyRequest, CertifyResponse> = ({ request }, callback) => {
  answer(request).then(
    (response) => callback(null, response),
    (error: ServiceError) => callback(error),
  );
};
server.addService(identityService, { Certify: certify } as UntypedServiceImplementation);
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  ),
);
after(() => server.forceShutdown());

const ask = (anchors = [parsed(anchor.certificate)], signal = new AbortController().signal) =>
  certifyAt(`127.0.0.1:${port}`, { identity, token, anchors, signal });

suite("A Certify call", () => {
  test("shows the issuer that is loaded, and the anchor that it leads to", async () => {
    answer = answerTruly;
    const proof = await ask();
    assert.deepEqual(proof.issuer.x509.raw, issuer.certificate.raw);
    assert.deepEqual(proof.anchor.x509.raw, anchor.certificate.raw);
    assert.equal(proof.identity, identity);
  });

  test("asks as identity demands: the token, and a signed request for one DNS name without a subject", async () => {
    let asked: CertifyRequest | undefined;
    answer = (request) => {
      asked = request;
      return answerTruly(request);
    };
    await ask();
    assert.equal(asked?.identity, identity);
    assert.equal(asked?.token.toString(), token);
    const request = new Pkcs10CertificateRequest(asked!.certificateSigningRequest);
    assert.equal(request.subject, "");
    assert.ok(await request.verify());
    assert.deepEqual(request.publicKey.algorithm, { name: "ECDSA", namedCurve: "P-256" });
    const names = [...request.extensions]
      .filter((extension) => extension instanceof SubjectAlternativeNameExtension)
      .flatMap((extension) => extension.names.toJSON());
    assert.deepEqual(names, [{ type: "dns", value: identity }]);
  });

  test("rejects a certificate for another key, since it may be an old one", async () => {
    const old = await leaf({ commonName: identity, signer: issuer });
    answer = async () => ({ leafCertificate: old.raw, intermediateCertificates: [issuer.certificate.raw] });
    await assert.rejects(ask(), /for another key than the requested one/);
  });

  test("rejects a certificate for another name", async () => {
    answer = async ({ certificateSigningRequest }) => {
      const publicKey = await new Pkcs10CertificateRequest(certificateSigningRequest).publicKey.export();
      const certificate = await leaf({ commonName: "someone.else", signer: issuer, publicKey });
      return { leafCertificate: certificate.raw, intermediateCertificates: [issuer.certificate.raw] };
    };
    await assert.rejects(ask(), /certificate for DNS:someone\.else instead of default\.linkerd/);
  });

  test("rejects an issuer that leads to none of the anchors", async () => {
    answer = answerTruly;
    const other = await authority({ commonName: "another root" });
    await assert.rejects(ask([parsed(other.certificate)]), /leads to no trust anchor/);
  });

  test("says what the controller said, and never the token", async () => {
    const details = "x509: certificate has expired or is not yet valid";
    answer = () => Promise.reject(Object.assign(new Error(details), { code: status.UNKNOWN, details }));
    await assert.rejects(ask(), (error: Error) => {
      assert.equal(error.message, `Certify failed with UNKNOWN: ${details}`);
      assert.ok(!error.message.includes(token));
      return true;
    });
  });

  test("ends when it is told to", async () => {
    const interrupt = new AbortController();
    answer = () => {
      interrupt.abort();
      return new Promise(() => {});
    };
    await assert.rejects(
      ask([parsed(anchor.certificate)], interrupt.signal),
      /Certify failed with CANCELLED/,
    );
  });
});

test("The messages have Linkerd's field numbers", () => {
  const { requestSerialize, responseDeserialize } = identityService.Certify;
  const field = (number: number, value: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);
  const [identity, token, certificateSigningRequest] = ["identity", "token", "request"].map((text) =>
    Buffer.from(text),
  );
  assert.deepEqual(
    requestSerialize({
      identity: identity!.toString(),
      token: token!,
      certificateSigningRequest: certificateSigningRequest!,
    }),
    Buffer.concat([field(1, identity!), field(2, token!), field(3, certificateSigningRequest!)]),
  );
  const [leafCertificate, first, second] = ["leaf", "issuer", "above"].map((text) => Buffer.from(text));
  const seconds = Buffer.from([0x08, 0x2a]);
  const response = responseDeserialize(
    Buffer.concat([field(1, leafCertificate!), field(2, first!), field(2, second!), field(3, seconds)]),
  );
  assert.deepEqual(response.leafCertificate, leafCertificate);
  assert.deepEqual(response.intermediateCertificates, [first, second]);
});
