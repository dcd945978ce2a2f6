import assert from "node:assert/strict";
import { KeyObject } from "node:crypto";
import { suite, test } from "node:test";
import { checkGenerations } from "../../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../../rules/credentials/parseCertificate.ts";
import { authority, type Fabricated, hoursFromNow, keysOf, leaf } from "../../certificates.ts";
import { handshake } from "../../oracle/proxies.ts";
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

const pemOf = (...members: readonly Pick<Fabricated, "certificate">[]) =>
  members.map(({ certificate }) => certificate.toString()).join("");

/** Whether two proxies with a certificate of the issuer accept each other if both trust only that anchor. */
async function meet(anchor: Fabricated, chain: readonly [Fabricated, ...Fabricated[]]): Promise<boolean> {
  const name = "default.linkerd.serviceaccount.identity.linkerd.cluster.local";
  const { publicKey, privateKey } = await keysOf();
  const certificate = await leaf({ commonName: name, signer: chain[0], publicKey });
  const key = KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
  const texts = { chain: pemOf({ certificate }, ...chain), bundle: pemOf(anchor) };
  return handshake({ ...texts, key, name }).then(
    () => true,
    () => false,
  );
}

/**
 * Who is warned of, and who accepts the issuer over which cross certificate, by the numbers of the generations. Fails if
 * proxies see it otherwise.
 */
async function check(anchors: readonly Fabricated[], ...chain: readonly [Fabricated, ...Fabricated[]]) {
  const credentials = {
    bundle: { field: "bundle", text: pemOf(...anchors) },
    issuer: { field: "issuer", text: pemOf(...chain) },
  };
  const { findings, notes } = checkGenerations(credentials, parseCertificate);
  findings.forEach(assertWellFormed);
  for (const [index, anchor] of anchors.entries()) {
    const isAccepted = notes.some((note) =>
      note.startsWith(`Proxies that trust only "${anchor.commonName}"`),
    );
    const isRefused = findings.some(({ message }) => message.startsWith(`Certificate ${index + 1},`));
    if (isAccepted || isRefused) assert.equal(await meet(anchor, chain), isAccepted, anchor.commonName);
  }
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
      assert.deepEqual(await check([one, two], issuer, ...following), {
        refused: [],
        accepted: ["1 over 2"],
      });
    }
    assert.deepEqual(await check([two], issuer, twoByOne), { refused: [], accepted: [] });
  });

  test("vouch for each other over two", async () => {
    const issuer = await below(three);
    const accepted = ["1 over 3", "2 over 3"];
    assert.deepEqual(await check([one, two, three], issuer, threeByTwo, twoByOne), { refused: [], accepted });
    assert.deepEqual(await check([one, two, three], issuer, threeByTwo), {
      refused: ["anchors-vouch: 1 for 3"],
      accepted: ["2 over 3"],
    });
  });

  test("without it, those that trust only the older one are warned of", async () => {
    assert.deepEqual(await check([one, two], await below(two)), {
      refused: ["anchors-vouch: 1 for 2"],
      accepted: [],
    });
    assert.deepEqual(await check([two, one], await below(two), await cross(two, three)), {
      refused: ["anchors-vouch: 1 for 2"],
      accepted: [],
    });
  });

  test("need no word about a newer one, which nobody trusts alone yet", async () => {
    assert.deepEqual(await check([one, two], await below(one)), { refused: [], accepted: [] });
    assert.deepEqual(await check([one], await below(one)), { refused: [], accepted: [] });
    assert.deepEqual(await check([one, two], await below(three)), { refused: [], accepted: [] });
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
    assert.deepEqual(await check([root, two], await below(two), twoByOne), {
      refused: ["anchors-vouch: 1 for 2"],
      accepted: [],
    });
  });
});
