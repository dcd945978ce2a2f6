import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { generationsOf } from "../../../rules/mesh/generations.ts";
import { authority, hoursFromNow, leaf, parsed } from "../../certificates.ts";

const root = (commonName: string) => authority({ commonName, notAfter: hoursFromNow(87600) });
const [first, second] = [
  await root("root.linkerd.cluster.local"),
  await root("root-2.linkerd.cluster.local"),
];
const cross = parsed(
  (await authority({ commonName: second.commonName, keys: second, signer: first })).certificate,
);
const issuerOf = async (signer: typeof first) =>
  parsed((await authority({ commonName: "identity.linkerd.cluster.local", signer })).certificate);
const [one, two] = [parsed(first.certificate), parsed(second.certificate)];

/** What is said of each generation. */
const told = (authorities: Parameters<typeof generationsOf>[0]) =>
  generationsOf(authorities).map(({ number, isInBundle, signs, vouchers, certificate }) =>
    [
      number ?? certificate.commonName,
      isInBundle ? "trusted" : "not trusted",
      ...(signs ? ["signs"] : []),
      ...vouchers.map(({ by }) => `vouched for by ${by?.commonName}`),
    ].join(", "),
  );

suite("The generations are", () => {
  test("one that signs", async () => {
    assert.deepEqual(told({ anchors: [one], issuer: await issuerOf(first), others: [one] }), [
      "1, trusted, signs",
    ]);
  });

  test("two, of which the old one vouches for the new one, by whichever place its certificate is in", async () => {
    const issuer = await issuerOf(second);
    const expected = ["1, trusted", "2, trusted, signs, vouched for by root.linkerd.cluster.local"];
    // In the chain, in the Secret, and in both.
    for (const others of [[cross], [cross, one], [cross, cross, one]]) {
      assert.deepEqual(told({ anchors: [one, two], issuer, others }), expected);
    }
  });

  test("two that do not know each other", async () => {
    assert.deepEqual(told({ anchors: [one, two], issuer: await issuerOf(first), others: [one] }), [
      "1, trusted, signs",
      "2, trusted",
    ]);
  });

  test("a new one that signs before it is in the bundle", async () => {
    assert.deepEqual(told({ anchors: [one], issuer: await issuerOf(second), others: [cross, one] }), [
      "1, trusted",
      "2, not trusted, signs, vouched for by root.linkerd.cluster.local",
    ]);
  });

  test("an old one that still vouches and has left the bundle", async () => {
    assert.deepEqual(told({ anchors: [two], issuer: await issuerOf(second), others: [cross, one] }), [
      "2, trusted, signs, vouched for by root.linkerd.cluster.local",
      "1, not trusted",
    ]);
  });

  test("anchors of someone else's name, and not an ordinary intermediate", async () => {
    const company = await root("company root");
    const middle = await authority({ commonName: "company intermediate", signer: company });
    assert.deepEqual(
      told({
        anchors: [parsed(company.certificate)],
        issuer: await issuerOf(middle),
        others: [parsed(middle.certificate)],
      }),
      ["company root, trusted"],
    );
  });

  test("not told by an issuer that is not there", async () => {
    const stranger = parsed(await leaf({ commonName: "root-3.linkerd.cluster.local", signer: first }));
    assert.deepEqual(told({ anchors: [one], issuer: undefined, others: [stranger] }), ["1, trusted"]);
  });
});
