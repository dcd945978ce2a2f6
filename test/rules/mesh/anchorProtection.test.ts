import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../../../infra/config.ts";
import { plannedAnchors } from "../../../rules/mesh/anchorChange.ts";
import { checkProtection } from "../../../rules/mesh/anchorProtection.ts";
import { authority, type Fabricated } from "../../certificates.ts";
import type { Values } from "../../configured.ts";

const named = (commonName: string) => authority({ commonName });
const [first, second, given, stranger] = await Promise.all(
  ["root.linkerd.cluster.local", "root-2.linkerd.cluster.local", "company", "company"].map(named),
);
const pemOf = (one: Fabricated | undefined) => one!.certificate.toString().trimEnd();

function check(
  running: (Fabricated | undefined)[],
  values: Values,
  state?: Record<number, boolean>,
): string[] {
  const bundle = { field: "ConfigMap", text: running.map(pemOf).join("\n") };
  const isProtected =
    state && new Map(Object.entries(state).map(([one, protects]) => [Number(one), protects]));
  const found = checkProtection(bundle, plannedAnchors(resolve(argumentsOf(values)))!, isProtected);
  return [...found].map(inConfiguration).map(({ rule, message }) => `${rule}: ${message}`);
}

const alone = { trustAnchorGenerations: [2], signingGeneration: 2 };
const unprotected = { ...alone, protectTrustAnchors: false };
const guarded = [
  `anchor-protected: [2] would take "root.linkerd.cluster.local" out of the bundle of the running mesh (ConfigMap), and generation 1 is protected in the stack's state: Pulumi would refuse to delete an anchor that the mesh no longer trusts.`,
];
const byConfiguration = [
  guarded[0]!.replace("generation 1 is protected in the stack's state", "protectTrustAnchors is true"),
];

test("an anchor goes if the state no longer protects it, whatever this run says", () => {
  assert.deepEqual(check([first, second], alone, { 1: false, 2: true }), []);
  assert.deepEqual(check([first, second], unprotected, { 1: false, 2: true }), []);
  assert.deepEqual(check([first, second], alone, { 1: true, 2: true }), guarded);
  assert.deepEqual(check([first, second], unprotected, { 1: true, 2: true }), guarded);
});

test("without the state, the configuration decides", () => {
  assert.deepEqual(check([first, second], alone), byConfiguration);
  assert.deepEqual(check([first, second], unprotected), []);
});

test("another root in the place of one that is listed is refused by the configuration", () => {
  const providing = { providedTrustAnchors: { 1: { certificatePem: pemOf(stranger) } } };
  const [refusal] = check([given], providing, { 1: true });
  assert.match(
    refusal!,
    /^anchor-protected: \[1\] would take "company" out of .*protectTrustAnchors is true/,
  );
  assert.deepEqual(check([given], { ...providing, protectTrustAnchors: false }, { 1: false }), []);
});
