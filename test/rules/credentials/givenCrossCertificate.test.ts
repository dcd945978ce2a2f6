import assert from "node:assert/strict";
import { suite, test } from "node:test";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import * as x509 from "@peculiar/x509";
import { checkCrossCertificate } from "../../../rules/credentials/givenCrossCertificate.ts";
import {
  type Authority,
  authority,
  authorityExtensions,
  hoursFromNow,
  now,
  parsed,
} from "../../certificates.ts";
import { assertWellFormed } from "../wellFormed.ts";

const names = ["root.linkerd.cluster.local", "root-2.linkerd.cluster.local"] as const;
const [old, root, stranger] = await Promise.all(
  [...names, names[1]].map((commonName) => authority({ commonName, notAfter: hoursFromNow(87_600) })),
);

/** A cross certificate of the new root by the old one, with changes. */
const cross = (changes: Partial<Authority> = {}) =>
  authority({ commonName: names[1], keys: root!, signer: old!, notAfter: hoursFromNow(8760), ...changes });

/** The rules that a cross certificate breaks, each with its message. */
async function check(changes: Partial<Authority> = {}, { of = root!, by = old! } = {}) {
  const { certificate } = await cross(changes);
  const findings = checkCrossCertificate(
    { field: "trustAnchor.provided.2.crossCertificatePem", place: 1, certificate: parsed(certificate) },
    { root: parsed(of.certificate), signer: parsed(by.certificate), issuerEnd: hoursFromNow(48), now },
  );
  for (const finding of findings) {
    assertWellFormed(finding);
    assert.match(finding.message, /^Certificate 1, "root-2\.linkerd\.cluster\.local", .*\.$/);
  }
  return findings.map(({ rule, message }) => [rule, message] as const);
}
const broken = async (...of: Parameters<typeof check>) => (await check(...of)).map(([rule]) => rule);

const identified = (identifier: string) => [
  ...authorityExtensions(),
  new x509.SubjectKeyIdentifierExtension(identifier),
];

suite("A cross certificate that is given", () => {
  test("is sound with the root's subject and key, signed by the root before", async () => {
    assert.deepEqual(await check(), []);
  });

  test("has the root's subject", async () => {
    const of = await authority({ commonName: "root-3.linkerd.cluster.local", keys: root! });
    assert.match((await check({}, { of }))[0]![1], /has another subject than the root that it is given for/);
    assert.deepEqual(await broken({}, { of }), ["cross-certificate-root"]);
  });

  test("has the root's key", async () => {
    assert.match((await check({}, { of: stranger! }))[0]![1], /has another key than the root/);
    assert.deepEqual(await broken({ keys: stranger! }), ["cross-certificate-root"]);
  });

  test("has the root's key identifier, if both have one", async () => {
    const of = await authority({ commonName: names[1], keys: root!, extensions: identified("0a0b") });
    assert.deepEqual(await broken({ extensions: identified("0a0b") }, { of }), []);
    assert.deepEqual(await broken({}, { of }), []);
    assert.deepEqual(await broken({ extensions: identified("0a0c") }, { of }), ["cross-certificate-root"]);
  });

  test("is signed by the root before, and says so", async () => {
    assert.match(
      (await check({}, { by: stranger! }))[0]![1],
      /is signed by someone else, not by the root of/,
    );
    assert.match((await check({ signer: root! }))[0]![1], /is signed by its own key, not by the root of/);
    assert.deepEqual(await broken({ signer: root! }), ["cross-certificate-signer"]);
    const forger = { ...old!, privateKey: stranger!.privateKey };
    assert.deepEqual(await broken({ signer: forger }), ["cross-certificate-signer"]);
    const by = await authority({ commonName: names[0], keys: old!, extensions: identified("0a0b") });
    const naming = (identifier: string) => [
      ...authorityExtensions(),
      new x509.AuthorityKeyIdentifierExtension(identifier),
    ];
    assert.deepEqual(await broken({ extensions: naming("0a0b") }, { by }), []);
    assert.deepEqual(await broken({ extensions: naming("0a0c") }, { by }), ["chain-key-identifiers"]);
  });

  test("is an authority with room below it, and so has the root before", async () => {
    assert.deepEqual(await broken({ extensions: [] }), ["is-ca"]);
    assert.deepEqual(await broken({ pathLength: 1 }), []);
    assert.deepEqual(await broken({ pathLength: 0 }), ["path-length"]);
    const by = (pathLength: number) => authority({ commonName: names[0], keys: old!, pathLength });
    assert.deepEqual(await broken({}, { by: await by(2) }), []);
    // As step makes roots by itself.
    const [[rule, message] = []] = await check({}, { by: await by(1) });
    assert.equal(rule, "path-length");
    assert.match(
      message ?? "",
      /"root\.linkerd\.cluster\.local", which is to vouch with it, allows 1 authorities/,
    );
  });

  test("outlives the issuer that it is going to follow", async () => {
    assert.deepEqual(await broken({ notAfter: hoursFromNow(49) }), []);
    assert.deepEqual(await broken({ notAfter: hoursFromNow(47) }), ["chain-outlives-issuer"]);
    assert.deepEqual(await broken({ notAfter: hoursFromNow(-0.5) }), ["expired"]);
    assert.deepEqual(await broken({ notBefore: hoursFromNow(1) }), ["not-yet-valid"]);
  });
});
