import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { suite, test } from "node:test";
import { chainInProxy, chainToAnchor } from "../../../rules/credentials/chain.ts";
import { authority, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";

const anchor = await authority({ commonName: "root.linkerd.cluster.local" });
const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
const end = await leaf({ commonName: "default.linkerd.example", signer: issuer });

function chain(certificate: X509Certificate, intermediates: X509Certificate[], anchors: X509Certificate[]) {
  return chainToAnchor(parsed(certificate), intermediates.map(parsed), anchors.map(parsed), now);
}

/** Why there is no chain. */
const reason = (...of: Parameters<typeof chain>): string => chain(...of).reason ?? "there is one";

suite("A certificate's chain to a trust anchor", () => {
  test("leads over the intermediate to the anchor that signed it", async () => {
    const other = await authority({ commonName: "another root" });
    const found = chain(end, [issuer.certificate], [other.certificate, anchor.certificate]).chain;
    assert.deepEqual(
      found?.map(({ commonName, dnsNames }) => dnsNames[0] ?? commonName),
      ["default.linkerd.example", "identity.linkerd.cluster.local", "root.linkerd.cluster.local"],
    );
  });

  test("is the certificate alone where that is trusted itself", () => {
    assert.equal(chain(anchor.certificate, [], [anchor.certificate]).chain?.length, 1);
  });

  test("needs the intermediate", () => {
    assert.equal(
      reason(end, [], [anchor.certificate]),
      '"default.linkerd.example" leads to no trust anchor: ' +
        'no anchor or intermediate here signed "default.linkerd.example".',
    );
  });

  test("is not made by an anchor of the same name with another key", async () => {
    const impostor = await authority({ commonName: "root.linkerd.cluster.local" });
    assert.match(
      reason(end, [issuer.certificate], [impostor.certificate]),
      /no anchor or intermediate here signed "identity\.linkerd\.cluster\.local"/,
    );
  });

  test("ends at an expired member", async () => {
    const expired = await authority({
      commonName: "expired issuer",
      signer: anchor,
      notAfter: new Date("2020-01-02"),
      notBefore: new Date("2020-01-01"),
    });
    const below = await leaf({ commonName: "below", signer: expired });
    assert.match(
      reason(below, [expired.certificate], [anchor.certificate]),
      /"expired issuer" expired at 2020-01-02T00:00:00\.000Z/,
    );
  });

  test("does not begin before its members are valid", async () => {
    const future = await authority({ commonName: "future", signer: anchor, notBefore: hoursFromNow(1) });
    assert.match(reason(future.certificate, [], [anchor.certificate]), /it is not valid before/);
  });

  test("keeps to the anchor's path length", async () => {
    const short = await authority({ commonName: "path length 0", pathLength: 0 });
    const below = await authority({ commonName: "issuer below", signer: short });
    const lowest = await leaf({ commonName: "leaf below", signer: below });
    assert.match(
      reason(lowest, [below.certificate], [short.certificate]),
      /"path length 0" allows 0 authorities below it \(path length\)/,
    );
  });

  test("is not built from a certificate that may not sign", async () => {
    const commonName = "not an authority";
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ]);
    const certificate = await leaf({ commonName, signer: anchor, publicKey: keys.publicKey });
    const below = await leaf({
      commonName: "below",
      signer: { certificate, commonName, privateKey: keys.privateKey },
    });
    assert.match(
      reason(below, [certificate], [anchor.certificate]),
      /"not an authority" may not sign certificates/,
    );
  });

  test("leads over cross certificates to whichever root is trusted, the shortest way", async () => {
    const second = await authority({ commonName: "root 2" });
    const third = await authority({ commonName: "root 3" });
    const cross = async (root: typeof second, signer: typeof second) =>
      (await authority({ commonName: root.commonName, keys: root, signer })).certificate;
    const crosses = [await cross(third, second), await cross(second, anchor)];
    const lower = await authority({ commonName: "identity 3", signer: third });
    const below = await leaf({ commonName: "below", signer: lower });
    const length = (...roots: readonly (typeof second)[]) =>
      chain(
        below,
        [lower.certificate, ...crosses],
        roots.map(({ certificate }) => certificate),
      ).chain?.length;
    assert.deepEqual([length(anchor), length(second), length(third)], [5, 4, 3]);
    assert.equal(length(anchor, second, third), 3);
    const backwards = await cross(anchor, second);
    assert.match(
      reason(below, [lower.certificate, backwards, ...crosses], []),
      /no anchor or intermediate here signed/,
      "it ends, though two cross certificates vouch for each other",
    );
  });

  test("does not go round in circles", async () => {
    const stranger = await authority({ commonName: "self-signed stranger" });
    const below = await leaf({ commonName: "below", signer: stranger });
    assert.match(reason(below, [stranger.certificate], [anchor.certificate]), /leads to no trust anchor/);
  });
});

test("A proxy does not look at an anchor's own end, and does at all else's", async () => {
  const root = { commonName: "root.linkerd.cluster.local", notAfter: hoursFromNow(-0.5) };
  const ended = await authority(root);
  const below = await authority({ commonName: "identity.linkerd.cluster.local", signer: ended });
  const alive = await leaf({ commonName: "web", signer: below });
  const inProxy = (certificate: X509Certificate, intermediates: X509Certificate[]) =>
    chainInProxy(parsed(certificate), intermediates.map(parsed), [parsed(ended.certificate)], now).reason;
  assert.match(reason(alive, [below.certificate], [ended.certificate]), /expired at/);
  assert.equal(inProxy(alive, [below.certificate]), undefined);
  const old = await leaf({ commonName: "web", signer: below, notAfter: hoursFromNow(-0.5) });
  assert.match(inProxy(old, [below.certificate]) ?? "", /it expired at/);
  const short = await authority({ ...root, commonName: "identity", signer: ended });
  const underShort = await leaf({ commonName: "web", signer: short });
  assert.match(inProxy(underShort, [short.certificate]) ?? "", /"identity" expired at/);
});
