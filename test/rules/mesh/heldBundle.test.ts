import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { suite, test } from "node:test";
import { bundleSha256, joinBundle } from "../../../rules/credentials/bundle.ts";
import { bundleState, bundlesByHash, refusalOf } from "../../../rules/mesh/heldBundle.ts";
import { authority, hoursFromNow, keysOf, leaf, now, parsed } from "../../certificates.ts";

const [first, second, third] = await Promise.all(
  ["root", "root-2", "root-3"].map((name) =>
    authority({ commonName: `${name}.linkerd.cluster.local`, notAfter: hoursFromNow(87600) }),
  ),
);
const [one, two, three] = [first!, second!, third!].map(({ certificate }) => certificate) as [
  X509Certificate,
  X509Certificate,
  X509Certificate,
];
const anchors = (...certificates: X509Certificate[]) => certificates.map(parsed);

suite("The bundle that a proxy holds is", () => {
  test("current if it has the mesh's anchors, in whichever order", () => {
    assert.equal(bundleState(anchors(two, one), anchors(one, two)), "current");
  });
  test("overlapping if it has some of them, or more", () => {
    assert.equal(bundleState(anchors(one), anchors(one, two)), "overlapping");
    assert.equal(bundleState(anchors(one, two), anchors(two)), "overlapping");
  });
  test("stale if it has none of them", () => {
    assert.equal(bundleState(anchors(one), anchors(two, three)), "stale");
    assert.equal(bundleState([], anchors(one)), "stale");
  });
  test("unknown if nobody can say", () => {
    assert.equal(bundleState(undefined, anchors(one)), "unknown");
  });
  test("the same with an anchor that was renewed with its name and key, and not with another key", async () => {
    const keys = await keysOf();
    const commonName = "company root";
    const [before, after, foreign] = await Promise.all([
      authority({ commonName, keys }),
      authority({ commonName, keys, notAfter: hoursFromNow(1000) }),
      authority({ commonName }),
    ]);
    assert.equal(bundleState(anchors(before.certificate), anchors(after.certificate)), "current");
    assert.equal(bundleState(anchors(foreign.certificate), anchors(after.certificate)), "stale");
  });
});

suite("A hash tells", () => {
  const bundle = joinBundle([one.toString(), two.toString()]);
  const known = bundlesByHash(bundle, anchors(one, two, three));
  const told = (text: string) => known.get(bundleSha256(text));

  test("the mesh's own bundle, with a newline at its end and without", () => {
    assert.equal(told(bundle), bundle);
    assert.equal(told(`${bundle}\n`), bundle);
    assert.equal(bundlesByHash(`${bundle}\n`, []).get(bundleSha256(bundle)), `${bundle}\n`);
  });
  test("each anchor alone, and each two in either order", () => {
    assert.equal(told(one.toString()), one.toString().trimEnd());
    assert.equal(
      told(`${three.toString()}${one.toString()}`),
      joinBundle([three.toString(), one.toString()]),
    );
  });
  test("nothing of any other bundle", () => {
    assert.equal(told(joinBundle([one, two, three].map(String))), undefined);
    assert.equal(told(`# a comment\n${bundle}`), undefined);
  });
});

suite("A proxy accepts a leaf", () => {
  test("below a cross certificate with the old anchor, the new one or both, and without it with the new one only", async () => {
    const issuer = await authority({ commonName: "identity.linkerd.cluster.local", signer: second! });
    const cross = await authority({ commonName: second!.commonName, keys: second!, signer: first! });
    const end = parsed(await leaf({ commonName: "default.linkerd.example", signer: issuer }));
    const crossed = { leaf: end, intermediates: anchors(issuer.certificate, cross.certificate) };
    const plain = { leaf: end, intermediates: anchors(issuer.certificate) };
    for (const held of [anchors(one), anchors(one, two), anchors(two)]) {
      assert.equal(refusalOf(crossed, held, now), undefined);
    }
    assert.match(refusalOf(crossed, anchors(three), now)!, /leads to no trust anchor/);
    assert.match(refusalOf(plain, anchors(one), now)!, /leads to no trust anchor/);
    assert.equal(refusalOf(plain, anchors(two, one), now), undefined);
    // The cross certificate's end is that of every chain over it.
    assert.match(refusalOf(crossed, anchors(one), hoursFromNow(49))!, /expired at/);
  });
});
