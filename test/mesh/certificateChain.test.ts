import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { chainToAnchor, commonName, parseBundle } from "../../mesh/certificateChain.ts";
import { authority, hoursFromNow, leaf, now } from "../certificates.ts";

const anchor = await authority({ commonName: "root.linkerd.cluster.local" });
const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
const end = await leaf({ commonName: "default.linkerd.example", signer: issuer });

suite("A certificate's chain to a trust anchor", () => {
  test("leads over the intermediate to the anchor that signed it", async () => {
    const other = await authority({ commonName: "another root" });
    const chain = chainToAnchor(end, [issuer.certificate], [other.certificate, anchor.certificate], now);
    assert.deepEqual(chain.map(commonName), [
      "default.linkerd.example",
      "identity.linkerd.cluster.local",
      "root.linkerd.cluster.local",
    ]);
  });

  test("is the certificate alone where that is trusted itself", () => {
    assert.equal(chainToAnchor(anchor.certificate, [], [anchor.certificate], now).length, 1);
  });

  test("needs the intermediate", () => {
    assert.throws(() => chainToAnchor(end, [], [anchor.certificate], now), {
      message:
        "default.linkerd.example leads to no trust anchor: " +
        "no trust anchor or intermediate here signed default.linkerd.example.",
    });
  });

  test("is not made by an anchor of the same name with another key", async () => {
    const impostor = await authority({ commonName: "root.linkerd.cluster.local" });
    assert.throws(
      () => chainToAnchor(end, [issuer.certificate], [impostor.certificate], now),
      /no trust anchor or intermediate here signed identity\.linkerd\.cluster\.local/,
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
    assert.throws(
      () => chainToAnchor(below, [expired.certificate], [anchor.certificate], now),
      /expired issuer expired at 2020-01-02T00:00:00\.000Z/,
    );
  });

  test("does not begin before its members are valid", async () => {
    const future = await authority({ commonName: "future", signer: anchor, notBefore: hoursFromNow(1) });
    assert.throws(
      () => chainToAnchor(future.certificate, [], [anchor.certificate], now),
      /future is not valid before/,
    );
  });

  test("keeps to the anchor's path length", async () => {
    const short = await authority({ commonName: "path length 0", pathLength: 0 });
    const below = await authority({ commonName: "issuer below", signer: short });
    const lowest = await leaf({ commonName: "leaf below", signer: below });
    assert.throws(
      () => chainToAnchor(lowest, [below.certificate], [short.certificate], now),
      /path length 0 allows fewer authorities below it/,
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
    assert.throws(
      () => chainToAnchor(below, [certificate], [anchor.certificate], now),
      /no trust anchor or intermediate here signed below/,
    );
  });

  test("does not go round in circles", async () => {
    const stranger = await authority({ commonName: "self-signed stranger" });
    const below = await leaf({ commonName: "below", signer: stranger });
    assert.throws(
      () => chainToAnchor(below, [stranger.certificate], [anchor.certificate], now),
      /leads to no trust anchor/,
    );
  });
});

test("A bundle is read in its order, whatever stands between its members", () => {
  const bundle = `# first\n${anchor.certificate}\n\n# second\n${issuer.certificate}`;
  assert.deepEqual(parseBundle(bundle).map(commonName), [
    "root.linkerd.cluster.local",
    "identity.linkerd.cluster.local",
  ]);
  assert.deepEqual(parseBundle("nothing here"), []);
});
