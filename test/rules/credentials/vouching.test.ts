import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkGenerations } from "../../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../../rules/credentials/parseCertificate.ts";
import { authority, type Fabricated, hoursFromNow } from "../../certificates.ts";
import { assertWellFormed } from "../wellFormed.ts";

const lasting = { notAfter: hoursFromNow(8760) };
const rootName = (generation: number) => `root-${generation}.linkerd.cluster.local`;
/** The higher the generation, the younger. */
const makeRoot = (generation: number) =>
  authority({ ...lasting, commonName: rootName(generation), notBefore: hoursFromNow(generation - 24) });
const below = (signer: Fabricated) => authority({ commonName: "identity.linkerd.cluster.local", signer });
const cross = (root: Fabricated, signer: Fabricated) =>
  authority({ ...lasting, commonName: root.commonName, keys: root, signer });

const [one, two, three] = [await makeRoot(1), await makeRoot(2), await makeRoot(3)];
const [twoByOne, threeByTwo] = [await cross(two, one), await cross(three, two)];

/** Who is warned of, and who accepts the issuer over which cross certificate, by the numbers of the generations. */
function check(anchors: readonly Fabricated[], ...chain: readonly Fabricated[]) {
  const of = (field: string, members: readonly Fabricated[]) => ({
    field,
    text: members.map(({ certificate }) => certificate.toString()).join(""),
  });
  const credentials = { bundle: of("bundle", anchors), issuer: of("issuer", chain) };
  const { findings, notes } = checkGenerations(credentials, parseCertificate);
  findings.forEach(assertWellFormed);
  const generations = (text: string) =>
    [...text.matchAll(/"root-(\d)\.linkerd/g)].map(([, number]) => number);
  return {
    refused: findings.map(({ rule, message }) => `${rule}: ${generations(message).join(" for ")}`),
    accepted: notes.map((note) => generations(note).join(" over ")),
  };
}

suite("Generations of the trust anchor", () => {
  test("vouch for each other over a cross certificate", async () => {
    const issuer = await below(two);
    for (const following of [[twoByOne], [twoByOne, one], [twoByOne, two]]) {
      assert.deepEqual(check([one, two], issuer, ...following), { refused: [], accepted: ["1 over 2"] });
    }
    assert.deepEqual(check([two], issuer, twoByOne), { refused: [], accepted: [] });
  });

  test("vouch for each other over two", async () => {
    const issuer = await below(three);
    const accepted = ["1 over 3", "2 over 3"];
    assert.deepEqual(check([one, two, three], issuer, threeByTwo, twoByOne), { refused: [], accepted });
    assert.deepEqual(check([one, two, three], issuer, threeByTwo), {
      refused: ["anchors-vouch: 1 for 3"],
      accepted: ["2 over 3"],
    });
  });

  test("without it, those that trust only the older one are warned of", async () => {
    assert.deepEqual(check([one, two], await below(two)), {
      refused: ["anchors-vouch: 1 for 2"],
      accepted: [],
    });
    assert.deepEqual(check([two, one], await below(two), await cross(two, three)), {
      refused: ["anchors-vouch: 1 for 2"],
      accepted: [],
    });
  });

  test("need no word about a newer one, which nobody trusts alone yet", async () => {
    assert.deepEqual(check([one, two], await below(one)), { refused: [], accepted: [] });
    assert.deepEqual(check([one], await below(one)), { refused: [], accepted: [] });
    assert.deepEqual(check([one, two], await below(three)), { refused: [], accepted: [] });
  });

  test("vouch only with room for the cross certificate", async () => {
    const commonName = rootName(1);
    const root = await authority({
      ...lasting,
      commonName,
      keys: one,
      pathLength: 1,
      notBefore: hoursFromNow(-30),
    });
    assert.deepEqual(check([root, two], await below(two), twoByOne), {
      refused: ["anchors-vouch: 1 for 2"],
      accepted: [],
    });
  });
});
