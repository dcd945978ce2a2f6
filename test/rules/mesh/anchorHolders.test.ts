import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf, inConfiguration } from "../../../infra/config.ts";
import { plannedAnchors } from "../../../rules/mesh/anchorChange.ts";
import { checkHolders, checkIssuerHolders, type Holders } from "../../../rules/mesh/anchorHolders.ts";
import { authority, type Fabricated, now, parsed } from "../../certificates.ts";
import type { Values } from "../../configured.ts";

const [first, second, third] = await Promise.all(
  ["root", "root-2", "root-3"].map((name) => authority({ commonName: `${name}.linkerd.cluster.local` })),
);

function held(anchors: readonly (Fabricated | undefined)[] | undefined, ...names: string[]): Holders {
  const pods = names.map((name) => ({ workload: { namespace: "shop", kind: "Deployment", name } }));
  return anchors === undefined
    ? { reason: "no pod that carries its hash has it in its specification", pods }
    : { anchors: anchors.map((one) => parsed(one!.certificate)), pods };
}

const running = [first, second, third].map((one) => parsed(one!.certificate));
const check = (values: Values, ...holders: Holders[]) =>
  [...checkHolders(plannedAnchors(resolve(argumentsOf(values)))!, holders, running)].map(inConfiguration);

const signs = (trustAnchorGenerations: number[], signingGeneration: number, more: Values = {}) => ({
  trustAnchorGenerations,
  signingGeneration,
  ...more,
});
const alone = { crossSignTrustAnchors: false };

test("pods that hold the signing generation, or one that vouches for it, accept it", () => {
  for (const [values, ...holders] of [
    [{}, held([first], "web")],
    [signs([1, 2], 2), held([first], "web"), held([first, second], "db")],
    [signs([1, 2, 3], 3), held([first], "web"), held([second], "db")],
    [signs([1, 2], 2, alone), held([first, second], "db")],
    [signs([2], 2), held([second], "web"), held([first, second], "db")],
    [signs([1, 2], 1), held([first], "web")],
    [{ identityIssuerSource: "secret" }, held([third], "web")],
  ] as const) {
    assert.deepEqual(check(values, ...holders), [], JSON.stringify(values));
  }
});

test("pods that hold neither would refuse it, and are named with their workloads", () => {
  const many = held([first], "web", "web", "a", "b", "c", "d", "e");
  const [finding, ...others] = check(signs([1, 2], 2, alone), many, held([first, second], "db"));
  assert.deepEqual(others, []);
  assert.equal(`${finding!.rule} ${finding!.field}`, "signer-accepted signingGeneration");
  assert.match(
    finding!.message,
    /^Generation 2 is to sign, with nobody to vouch for it, and 7 pods would refuse all that it signs: they were started with "root\.linkerd\.cluster\.local"\. They are of Deployment shop\/web \(2 pods\), Deployment shop\/a, .* and 1 more\.$/,
  );
  assert.equal(check(signs([2], 2), held([first], "web")).length, 1);
  assert.equal(check(signs([2, 3], 3), held([first], "web"), held([second], "db")).length, 1);
  assert.equal(check(signs([1, 2], 1), held([second], "web")).length, 1);
});

test("a namesake of the signing generation is none of it: of a rotation that was taken back", async () => {
  const taken = await authority({ commonName: second!.commonName });
  const [finding] = check(signs([1, 2], 2, alone), held([first, taken], "web"));
  assert.match(finding!.message, /^Generation 2 is to sign, .* and 1 pod would refuse all that it signs/);
  assert.deepEqual(check(signs([1, 2], 2), held([first, taken], "web")), []);
});

test("pods of which nobody knows are refused for that", () => {
  const [finding] = check(signs([2], 2), held(undefined, "web"));
  assert.match(
    finding!.message,
    /Whether 1 pod would accept that is not known, of Deployment shop\/web: no pod that/,
  );
});

test("an issuer of someone else's is accepted by pods that hold a root to which it leads, and refused for all others", async () => {
  const below = (signer: Fabricated) => authority({ commonName: "identity.linkerd.cluster.local", signer });
  const [issuer, cross] = await Promise.all([
    below(second!),
    authority({ commonName: second!.commonName, keys: second!, signer: first! }),
  ]);
  const field = "identityIssuer.issuerRef";
  const judged = (following: readonly Fabricated[], ...holders: Holders[]) => [
    ...checkIssuerHolders(
      { name: "Issuer company", field },
      parsed(issuer.certificate),
      following.map(({ certificate }) => parsed(certificate)),
      holders,
      now,
    ),
  ];
  assert.deepEqual(judged([], held([second], "web"), held([first, second], "db")), []);
  assert.deepEqual(judged([cross], held([first], "web")), []);
  const [finding, ...others] = judged([], held([first], "web"), held([second], "db"));
  assert.deepEqual(others, []);
  assert.equal(`${finding!.rule} ${finding!.field}`, `signer-accepted ${field}`);
  assert.equal(
    finding!.message,
    'Issuer company is to sign, and 1 pod would refuse all that it signs: they were started with "root.linkerd.cluster.local". They are of Deployment shop/web.',
  );
  const [unknown] = judged([], held(undefined, "web"));
  assert.match(unknown!.message, /^Issuer company is to sign\. Whether 1 pod would accept that is not known/);
});
