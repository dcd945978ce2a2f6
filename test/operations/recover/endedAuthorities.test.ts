import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { suite, test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import { mayHaveEnded } from "../../../operations/configuredStack.ts";
import { endedAuthorities } from "../../../operations/recover/endedAuthorities.ts";
import type { StackAnchor } from "../../../operations/stackState.ts";
import { authority, type Fabricated, hoursFromNow, keysOf, now, parsed } from "../../certificates.ts";
import { findingsOf, type Values } from "../../configured.ts";
import { soundStatus } from "../status/soundStatus.ts";

const { status } = await soundStatus();
const commonName = "root.linkerd.cluster.local";
const keys = await keysOf();
const ended = await authority({ commonName, keys, notAfter: hoursFromNow(-0.5) });
const again = await authority({ commonName, keys, notAfter: hoursFromNow(1000) });
const stranger = await authority({ commonName, notAfter: hoursFromNow(1000) });

const pemOf = ({ certificate }: Fabricated) => String(certificate);
const given = (one: Fabricated) => ({ providedTrustAnchors: { 1: { certificatePem: pemOf(one) } } });

const anchorOf = ({ certificate }: Fabricated, more: Partial<StackAnchor> = {}): StackAnchor => ({
  ...{ name: "linkerd-trust-anchor", generation: 1, signs: true },
  fingerprintSha256: certificate.fingerprint256,
  ...more,
});

/** Of a mesh whose one anchor this is. */
function endedOf(anchor: Fabricated, values: Values = {}, ...anchors: readonly StackAnchor[]) {
  const certificate = parsed(anchor.certificate);
  const generation = { certificate, isInBundle: true, signs: true, vouchers: [] };
  const seen = {
    trust: { ...status.trust, anchors: [certificate] },
    generations: [generation],
    readAt: now,
  };
  const state = { anchors: anchors.length > 0 ? anchors : [anchorOf(anchor)] };
  return endedAuthorities(seen, state, resolve(argumentsOf(values)));
}

suite("A root that has ended", () => {
  test("is the stack's to issue again if the stack has made it", () => {
    const [one, ...others] = endedOf(ended);
    assert.deepEqual(
      [one!.subject, one!.isRoot, one!.fix],
      [`Trust anchor "${commonName}"`, true, undefined],
    );
    assert.deepEqual(others, []);
    assert.deepEqual(endedOf(again), []);
  });

  test("is issued again by whoever has given it, and then it is the stack's to install", () => {
    const fixOf = (one: Fabricated, more: Values = {}) => endedOf(ended, { ...given(one), ...more })[0]!.fix;
    assert.match(fixOf(ended)!, /providedTrustAnchors\.1\).*openssl x509 .* begin --distrust/);
    assert.match(fixOf(stranger)!, /providedTrustAnchors\.1/);
    assert.equal(fixOf(again), undefined);
  });

  test("is named where someone else signs, by the issuer that is stored", () => {
    const notSigning = anchorOf(ended, { signs: false });
    const [one] = endedOf(ended, { ...given(ended), identityIssuerSource: "secret" }, notSigning);
    assert.match(one!.fix!, /has what signs the identity issuer \(identityIssuer\.source\) sign with that/);
  });

  test("is cert-manager's where the cluster keeps it", () => {
    assert.match(endedOf(ended, { trustAnchorSource: "cluster" })[0]!.fix!, /cmctl renew/);
  });
});

suite("A cross certificate that has ended", async () => {
  const old = await authority({ commonName: "root", notAfter: hoursFromNow(1000) });
  const crossOf = (hours: number) =>
    authority({ commonName, keys, signer: old, notAfter: hoursFromNow(hours) });
  const until = (hours: number) => ({
    by: 1,
    fingerprintSha256: "",
    notAfter: hoursFromNow(hours).toISOString(),
  });
  const second = (hours: number) => anchorOf(again, { generation: 2, crossCertificate: until(hours) });

  test("is the stack's to issue again if the stack has made it", () => {
    const [one, ...others] = endedOf(again, {}, second(-1));
    assert.deepEqual(
      [one!.subject, one!.isRoot, one!.fix],
      ["The cross certificate of generation 2", false, undefined],
    );
    assert.deepEqual(others, []);
    assert.deepEqual(endedOf(again, {}, second(1)), []);
  });

  test("is issued again by whoever has given it, and then it is the stack's to install", async () => {
    const fixOf = async (hours: number) => {
      const crossCertificatePem = pemOf(await crossOf(hours));
      const values = { providedTrustAnchors: { 2: { certificatePem: pemOf(again), crossCertificatePem } } };
      return endedOf(again, values, second(-1))[0]!.fix;
    };
    assert.match((await fixOf(-0.5))!, /Whoever has the key of generation 1 issues it again/);
    assert.equal(await fixOf(100), undefined);
  });
});

test("a stack is read although what was given has ended, and nothing else of it may be wrong", async () => {
  const own = await authority({ commonName: "company", notAfter: hoursFromNow(-0.5) });
  const privateKeyPem = String(KeyObject.from(own.privateKey).export({ format: "pem", type: "pkcs8" }));
  const errorsOf = (values: Values) =>
    findingsOf(values).filter((finding) => finding.severity === "error" && !mayHaveEnded(finding));
  const values = { providedTrustAnchors: { 1: { certificatePem: pemOf(own), privateKeyPem } } };
  assert.ok(findingsOf(values).some(({ rule }) => rule === "expired"));
  assert.deepEqual(errorsOf(values), []);
  assert.deepEqual(
    errorsOf({ ...values, issuanceLifetime: "0s" }).map(({ rule }) => rule),
    ["issuance-lifetime"],
  );
});
