import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import { findAnchorMisfits } from "../../../infra/gates/anchorChange.ts";
import type { Look } from "../../../infra/gates/looks.ts";
import type { Finding } from "../../../rules/finding.ts";
import { plannedAnchors } from "../../../rules/mesh/anchorChange.ts";
import { broken } from "../../../rules/rules.ts";
import { authority, hoursFromNow } from "../../certificates.ts";
import type { Values } from "../../configured.ts";

const life = { notBefore: hoursFromNow(0), notAfter: hoursFromNow(87_600) };
const [first, second] = await Promise.all(
  ["root", "root-2"].map((name) => authority({ commonName: `${name}.linkerd.cluster.local`, ...life })),
);
const type = "linkerd-rotating-tls:index:TrustAnchor";
const resources = ["trust-anchor", "trust-anchor-2"].map((name) => ({ type, urn: `urn:x::linkerd-${name}` }));
const lifetimes = { issuanceLifetime: "24h", clockSkewAllowance: "20s" };

/** What the gate finds and asks of a mesh that has both anchors, given what each look answers. */
async function judge(
  values: Values,
  answers: Readonly<Record<string, readonly Finding[] | Error>> = {},
  isPreview = false,
  known: Readonly<Partial<Record<keyof typeof lifetimes, string>>> = lifetimes,
) {
  const asked: string[] = [];
  const unproven: string[] = [];
  const look = (async (name: string) => {
    asked.push(name);
    const answer = answers[name] ?? [];
    if (answer instanceof Error) throw answer;
    return answer;
  }) as unknown as Look;
  const found = await findAnchorMisfits(
    { look, isPreview, onUnproven: ({ message }) => void unproven.push(message) },
    {
      planned: plannedAnchors(resolve(argumentsOf(values)))!,
      running: { field: "ConfigMap", text: [first, second].map((one) => `${one!.certificate}`).join("\n") },
      namespace: "linkerd",
      lifetimes: { issuanceLifetime: undefined, clockSkewAllowance: undefined, ...known },
    },
    async () => JSON.stringify({ deployment: { resources } }),
  );
  return { rules: found.map(({ rule }) => rule), asked, unproven };
}

const both = { trustAnchorGenerations: [1, 2], signingGeneration: 2 };
const newest = { trustAnchorGenerations: [2], signingGeneration: 2 };
const needed = broken("anchor-needed", { field: "trustAnchor.generations", message: "" });

test("proxies are asked when an anchor leaves, and only then", async () => {
  assert.deepEqual((await judge(both)).asked, []);
  assert.deepEqual((await judge(newest)).asked, ["findRefusingPods", "findNeededAnchors"]);
  assert.deepEqual((await judge({ ...both, distrustedTrustAnchors: [1] })).asked, []);
  assert.deepEqual((await judge(newest, { findNeededAnchors: [needed] })).rules, ["anchor-needed"]);
});

test("what someone else has signed is looked at first, in a preview, too", async () => {
  const theirs = { trustAnchorGenerations: [2], identityIssuerSource: "secret" };
  for (const isPreview of [true, false]) {
    const { rules, asked } = await judge(theirs, { findNeededByIssuer: [needed] }, isPreview);
    assert.deepEqual([rules, asked], [["anchor-needed"], ["findNeededByIssuer"]]);
  }
  assert.deepEqual((await judge(theirs)).asked, ["findNeededByIssuer", "findNeededAnchors"]);
  const unread = await judge(theirs, { findNeededByIssuer: new Error("secrets is forbidden") });
  assert.deepEqual(unread.unproven, ["secrets is forbidden"]);
});

test("those whose pods refuse it anyhow are not asked", async () => {
  const refusing = broken("signer-accepted", { field: "trustAnchor.signing", message: "" });
  const { rules, asked } = await judge(newest, { findRefusingPods: [refusing] });
  assert.deepEqual([rules, asked], [["signer-accepted"], ["findRefusingPods"]]);
});

test("what is not looked at is said", async () => {
  const preview = await judge(newest, {}, true);
  assert.deepEqual(preview.asked, ["findRefusingPods"]);
  assert.match(preview.unproven.join(), /^Only pulumi up asks every proxy/);
  const failing = await judge(newest, { findNeededAnchors: new Error("forbidden") });
  assert.deepEqual(failing.unproven, ["forbidden"]);
  const later = await judge(newest, {}, false, { issuanceLifetime: "24h" });
  assert.match(later.unproven.join(), /is not known before the run/);
});
