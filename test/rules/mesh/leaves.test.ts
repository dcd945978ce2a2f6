import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { generationsOf } from "../../../rules/mesh/generations.ts";
import { leafState, lifeState, signingGeneration } from "../../../rules/mesh/leaves.ts";
import { authority, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";

const life = (hours: number, failedRefreshes?: number) =>
  lifeState({ from: hoursFromNow(-hours), end: hoursFromNow(24 - hours), failedRefreshes }, now);

suite("A leaf is", () => {
  test("live until 70 % of its life are over, and a while longer if no refresh is known to have failed", () => {
    assert.equal(life(1), "live");
    assert.equal(life(1, 5), "live", "it has failed, and has been refreshed since");
    assert.equal(life(18), "live");
  });
  test("failing once it should have been refreshed", () => {
    assert.equal(life(18, 1), "failing");
    assert.equal(life(20), "failing");
  });
  test("ended after its end", () => {
    assert.equal(life(25), "ended");
  });

  test("refused if it leads to none of the anchors", async () => {
    const [anchor, other] = [
      await authority({ commonName: "root" }),
      await authority({ commonName: "other" }),
    ];
    const issuer = await authority({ commonName: "identity", signer: anchor });
    const end = parsed(await leaf({ commonName: "web", signer: issuer }));
    const state = (of: typeof anchor) =>
      leafState(end, [parsed(issuer.certificate)], 0, [parsed(of.certificate)], now);
    assert.equal(state(anchor), "live");
    assert.equal(state(other), "refused");
  });
});

test("A leaf's generation is the one that signed its issuer, also over its cross certificate and an intermediate", async () => {
  const first = await authority({ commonName: "root.linkerd.cluster.local" });
  const second = await authority({ commonName: "root-2.linkerd.cluster.local" });
  const cross = await authority({ commonName: second.commonName, keys: second, signer: first });
  const middle = await authority({ commonName: "middle", signer: second });
  const generations = generationsOf({
    anchors: [first, second].map(({ certificate }) => parsed(certificate)),
    issuer: undefined,
    others: [],
  });
  for (const [signer, above] of [
    [second, []],
    [second, [cross]],
    [middle, [middle]],
    [middle, [middle, cross]],
  ] as const) {
    const issuer = await authority({ commonName: "identity", signer });
    const end = parsed(await leaf({ commonName: "web", signer: issuer }));
    const chain = [issuer, ...above].map(({ certificate }) => parsed(certificate));
    assert.equal(signingGeneration(end, chain, generations)?.number, 2);
  }
  const stranger = await authority({ commonName: "stranger" });
  const end = parsed(await leaf({ commonName: "web", signer: stranger }));
  assert.equal(signingGeneration(end, [parsed(stranger.certificate)], generations), undefined);
});
