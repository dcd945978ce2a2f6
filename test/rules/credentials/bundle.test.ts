import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { certificateFacts, joinBundle } from "../../../rules/credentials/bundle.ts";
import { authority } from "../../certificates.ts";

const pemOf = async (commonName: string) => (await authority({ commonName })).certificate.toString();
const [first, second] = [
  await pemOf("root.linkerd.cluster.local"),
  await pemOf("root-2.linkerd.cluster.local"),
];

test("certificates are joined in their order, without a newline at the end", () => {
  assert.equal(joinBundle([first, second]), `${first.trim()}\n${second.trim()}`);
  assert.equal(joinBundle([second, first]), `${second.trim()}\n${first.trim()}`);
});

test("a bundle of bundles is one bundle", () => {
  assert.equal(joinBundle([joinBundle([first, second]), first]), joinBundle([first, second, first]));
});

test("whatever surrounds the certificates, the bundle is the same", () => {
  const space = fc.stringMatching(/^[ \t\r\n]{0,6}$/);
  const comment = fc.constantFrom("", "# the old root\n", "subject=CN=root\n");
  fc.assert(
    fc.property(
      space,
      comment,
      space,
      fc.constantFrom("\n", "\r\n", " \n", "\n\n"),
      (before, text, after, newline) => {
        const untidy = `${before}${text}${first.replaceAll("\n", newline)}${after}`;
        assert.equal(joinBundle([untidy, second]), joinBundle([first, second]));
      },
    ),
  );
});

test("what is not a certificate is refused, without showing it", () => {
  assert.throws(() => joinBundle([first, ""]), {
    message: "A trust anchor is not a certificate in PEM: it has no BEGIN and END lines.",
  });
  for (const type of ["EC PRIVATE KEY", "PRIVATE KEY", "TRUSTED CERTIFICATE"]) {
    assert.throws(() => joinBundle([`${first}-----BEGIN ${type}-----\nc2VjcmV0\n-----END ${type}-----\n`]), {
      message: `A trust anchor holds a ${type}; only certificates belong there.`,
    });
  }
});

test("a damaged certificate is refused, not left out", () => {
  const damage = [
    first.slice(0, -60),
    first.replace("\nM", "\n*"),
    first.replace("-----BEGIN", "x-----BEGIN"),
  ];
  for (const damaged of damage) {
    for (const text of [damaged, `${second}\n${damaged}`, `${damaged}\n${second}`]) {
      assert.throws(() => joinBundle([text]), {
        message: "A trust anchor has a BEGIN or an END line whose block cannot be read.",
      });
    }
  }
});

test("facts of a certificate", async () => {
  const notBefore = new Date("2026-01-02T03:04:05Z");
  const notAfter = new Date("2036-01-02T03:04:05Z");
  const { certificate } = await authority({ commonName: "root.linkerd.cluster.local", notBefore, notAfter });
  assert.deepEqual(certificateFacts(certificate.toString()), {
    fingerprintSha256: new X509Certificate(certificate.raw).fingerprint256,
    notBefore: "2026-01-02T03:04:05.000Z",
    notAfter: "2036-01-02T03:04:05.000Z",
  });
});
