import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../../../infra/config.ts";
import {
  checkAnchorChange,
  keptBundle,
  needsHolders,
  plannedAnchors,
  plannedBundle,
} from "../../../rules/mesh/anchorChange.ts";
import { authority, type Fabricated, hoursFromNow } from "../../certificates.ts";
import type { Values } from "../../configured.ts";

const anchor = (commonName: string, more: object = {}) =>
  authority({ commonName, notBefore: hoursFromNow(0), notAfter: hoursFromNow(87_600), ...more });
const pemOf = ({ certificate }: Fabricated) => certificate.toString().trimEnd();
const [first, second, tenth, given] = await Promise.all(
  ["root.linkerd.cluster.local", "root-2.linkerd.cluster.local", "root-10.linkerd.x", "company"].map((name) =>
    anchor(name),
  ),
);
const ending = await anchor("root.linkerd.cluster.local", { notAfter: hoursFromNow(1000) });
const endingToo = await anchor("root-2.linkerd.cluster.local", { notAfter: hoursFromNow(1000) });
const renewed = await anchor("company", { keys: given, notAfter: hoursFromNow(99_000) });
const stranger = await anchor("company");
/** As Linkerd's pages have people make it: with the name that ours have, without their number. */
const documented = await anchor("root.linkerd.cluster.local, O=company");

const planned = (values: Values) => plannedAnchors(resolve(argumentsOf(values)))!;
const bundleOf = (...anchors: (Fabricated | undefined)[]) => ({
  field: "ConfigMap",
  text: anchors.map((one) => pemOf(one!)).join("\n"),
});
const check = (running: (Fabricated | undefined)[], values: Values) =>
  [...checkAnchorChange(bundleOf(...running), planned(values))]
    .map(inConfiguration)
    .map(({ rule, field }) => `${rule} ${field}`);

const two = "one-new-generation trustAnchorGenerations";
const distrusting = (...distrustedTrustAnchors: number[]) => ({ distrustedTrustAnchors });
const untrusted = "signer-trusted signingGeneration";
const short = { trustAnchorValidityPeriodHours: 1000 };
const late = "rotation-allowance signingGeneration";
const providing = (one: Fabricated | undefined, generation = 1) => ({
  providedTrustAnchors: { [generation]: { certificatePem: `Text\r\n${pemOf(one!)}\r\n` } },
});
const signs = (trustAnchorGenerations: number[], signingGeneration: number) => ({
  trustAnchorGenerations,
  signingGeneration,
});

for (const [what, running, values, findings] of [
  ["nothing changes", [first], {}, []],
  [
    "the life of anchors changes, protected or not",
    [first],
    { trustAnchorValidityPeriodHours: 90_000, protectTrustAnchors: false },
    ["setting-kept trustAnchorValidityPeriodHours"],
  ],
  ["another generation joins", [first], signs([1, 2], 1), []],
  ["it signs at once, by the word of the one before", [first], signs([1, 2], 2), []],
  [
    "it signs at once, by the word of one that has too little time",
    [ending],
    { ...signs([1, 2], 2), ...short },
    [late],
  ],
  [
    "it signs at once, and that time is enough",
    [ending],
    { ...signs([1, 2], 2), ...short, trustAnchorRotationAllowance: "999h" },
    [],
  ],
  ["what vouches for it goes on doing so", [ending, endingToo], { ...signs([1, 2], 2), ...short }, []],
  ["two join at once", [first], signs([1, 2, 3], 3), [two]],
  ["two join at once, and neither signs", [first], signs([1, 2, 3], 1), [two]],
  ["two are there, and a third signs over two hops", [first, second], signs([1, 2, 3], 3), []],
  ["the one before is distrusted", [first], { ...signs([1, 2], 2), ...distrusting(1) }, []],
  [
    "it is distrusted in the midst of a rotation",
    [first, second],
    { ...signs([1, 2], 2), ...distrusting(1) },
    [],
  ],
  ["it has left the bundle", [second], { ...signs([1, 2], 2), ...distrusting(1) }, []],
  ["it is trusted again", [second], signs([1, 2], 2), []],
  ["another one than that runs", [tenth], { ...signs([1, 2], 2), ...distrusting(1) }, [untrusted]],
  ["one signs that only the newest vouches for", [first], signs([2, 3], 3), [untrusted, two]],
  [
    "it signs at once, and nobody vouches for it",
    [first],
    { ...signs([1, 2], 2), crossSignTrustAnchors: false },
    [untrusted],
  ],
  ["it signs, once it is trusted", [first, second], signs([1, 2], 2), []],
  ["the second takes the first one's place at once", [first], signs([2], 2), [untrusted]],
  ["one goes that is protected", [first, second], signs([2], 2), []],
  ["one goes that is not", [first, second], { ...signs([2], 2), protectTrustAnchors: false }, []],
  [
    "one goes, and someone else signs",
    [first, second],
    { ...signs([2], 1), identityIssuerSource: "secret" },
    [],
  ],
  ["a number that begins like another's", [tenth], signs([1], 1), [untrusted]],
  ["a trust domain changes, which is another's to refuse", [first], { trustDomain: "example.com" }, []],
  ["one that is given", [given], providing(given), []],
  ["its certificate is renewed", [given], providing(renewed), []],
  ["it becomes one with its name", [given], providing(stranger), [untrusted]],
  ["it becomes one that is made", [given], {}, [untrusted]],
  ["it becomes one that is made, and called like it", [documented], {}, [untrusted]],
  [
    "one that is given without its key joins, and signs",
    [first],
    { ...providing(given, 2), ...signs([1, 2], 2) },
    [untrusted],
  ],
] as const) {
  test(`on a running mesh, ${what}`, () => assert.deepEqual(check([...running], values), findings));
}

test("a bundle that cannot be read is no reason to refuse the run that mends it", () => {
  for (const text of [
    "",
    "not a certificate\n",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
  ]) {
    assert.deepEqual([...checkAnchorChange({ field: "ConfigMap", text }, planned(signs([2], 2)))], []);
  }
});

test("a refusal names what is trusted, and how it gets there", () => {
  const [trust] = checkAnchorChange(bundleOf(first), planned(signs([2], 2)));
  assert.match(trust!.message, /^Generation 2 .*\(ConfigMap: "root\.linkerd\.cluster\.local"\)/);
  assert.match(
    trust!.fix,
    /beside the one that signs now.*vouches for it.*restart the meshed pods; then let the new one sign/,
  );
});

test("pods are asked where one of them may hold an anchor that neither signs nor vouches", () => {
  for (const [running, values, needs] of [
    [[first], {}, false],
    [[first], signs([1, 2], 2), false],
    [[first, second], signs([1, 2], 2), false],
    [[first, second], { ...signs([1, 2], 2), crossSignTrustAnchors: false }, true],
    [[first], { ...signs([1, 2], 2), ...distrusting(1) }, false],
    [[first, second], signs([1, 2], 1), true],
    [[first, second], signs([2], 2), true],
    [[first, second], signs([2, 3], 3), true],
    [[first, second], { ...signs([2], 2), identityIssuerSource: "secret" }, false],
  ] as const) {
    assert.equal(needsHolders(bundleOf(...running), planned(values)), needs, JSON.stringify(values));
  }
});

test("an anchor of the cluster's, and one that only the engine knows, are not judged", () => {
  assert.equal(plannedAnchors(resolve({ trustAnchor: { source: "cluster" } })), undefined);
  const certificatePem = Promise.resolve(pemOf(given!));
  assert.equal(plannedAnchors(resolve({ trustAnchor: { provided: { 1: { certificatePem } } } })), undefined);
});

test("the bundle to come has what is given and what stays, as far as it is known", () => {
  const values = planned({ ...providing(given, 2), trustAnchorGenerations: [1, 2, 3] });
  assert.equal(keptBundle(bundleOf(second, first), values).text, pemOf(first!));
  assert.equal(plannedBundle(bundleOf(second, first), values)!.text, `${pemOf(given!)}\n${pemOf(first!)}`);
  assert.equal(plannedBundle(undefined, values)!.text, pemOf(given!));
  assert.equal(plannedBundle(undefined, planned({})), undefined);
});
