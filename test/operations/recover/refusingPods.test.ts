import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../components/rotatingLinkerdArgs.ts";
import { argumentsOf } from "../../../infra/config.ts";
import type { MeshedPod } from "../../../mesh/meshedPods.ts";
import { refusedPods, refusingPods } from "../../../operations/recover/refusingPods.ts";
import type { StackAnchor } from "../../../operations/stackState.ts";
import { bundleState } from "../../../rules/mesh/heldBundle.ts";
import { authority, type Fabricated, hoursFromNow, leaf, parsed } from "../../certificates.ts";
import type { Values } from "../../configured.ts";
import { soundStatus } from "../status/soundStatus.ts";

// The generation that signs is the newer one, alone.
const { status, anchor: second, issuer } = await soundStatus();
const first = await authority({ commonName: "root.of.before", notAfter: hoursFromNow(9000) });
const issuerOfFirst = await authority({ commonName: "identity.linkerd.cluster.local", signer: first });

const pod = (name: string): MeshedPod => ({
  ...{ namespace: "shop", name, createdAt: hoursFromNow(-30) },
  workload: { namespace: "shop", kind: "Deployment", name },
});
const old = pod("old");
const both = pod("both");

const anchorOf = ({ certificate }: Fabricated, generation: number): StackAnchor => ({
  ...{ name: `linkerd-trust-anchor-${generation}`, generation, signs: generation === 2 },
  fingerprintSha256: certificate.fingerprint256,
});

interface Case {
  readonly before?: Fabricated;
  /** Hours until the leaf of the older pod ends. */
  readonly left?: number;
  readonly values?: Values;
  readonly vouched?: boolean;
}

async function pods({ before = first, left = 10, values = {}, vouched = false }: Case = {}) {
  const roots = [before, second].map(({ certificate }) => parsed(certificate));
  const [oldRoot] = roots;
  const held = [
    { anchors: [oldRoot!], pods: [old] },
    { anchors: roots, pods: [both] },
  ];
  const leafOf = async (signer: Fabricated, hours: number) => ({
    leaf: parsed(
      await leaf({
        ...{ commonName: "web", signer },
        ...{ notBefore: hoursFromNow(hours - 14), notAfter: hoursFromNow(hours) },
      }),
    ),
    intermediates: [parsed(signer.certificate)],
  });
  const seen = {
    ...status,
    trust: { ...status.trust, anchors: roots },
    dataPlane: {
      pods: 2,
      bundles: held.map((one) => ({ ...one, state: bundleState(one.anchors, roots), skipped: 0 })),
      leaves: [
        { pod: old, ...(await leafOf(issuerOfFirst, left)) },
        { pod: both, ...(await leafOf(issuer, 10)) },
      ],
    },
  };
  const cross = { by: 1, fingerprintSha256: "", notAfter: hoursFromNow(9000).toISOString() };
  const signing = { ...anchorOf(second, 2), ...(vouched && { crossCertificate: cross }) };
  const settings = resolve(
    argumentsOf({
      ...{ trustAnchorGenerations: [1, 2], signingGeneration: 2, crossSignTrustAnchors: false },
      ...values,
    }),
  );
  const state = { anchors: [anchorOf(before, 1), signing] };
  const names = (pods: readonly MeshedPod[]) => pods.map(({ name }) => name);
  return { refusing: names(refusingPods(seen, state, settings)), refused: names(refusedPods(seen, state)) };
}

const refusing = async (one: Case = {}) => (await pods(one)).refusing;

test("pods that trust the older generation alone need its word, and no restart", async () => {
  assert.deepEqual(await refusing(), ["old"]);
  assert.deepEqual(await refusing({ values: { crossSignTrustAnchors: true } }), ["old"], "not yet applied");
});

test("nothing is to be done where it vouches already, or cannot", async () => {
  const certificatePem = String(first.certificate);
  const soon = await authority({ commonName: first.commonName, keys: first, notAfter: hoursFromNow(40) });
  for (const one of [
    { vouched: true },
    { values: { distrustedTrustAnchors: [1] } },
    { values: { providedTrustAnchors: { 1: { certificatePem } } } },
    { values: { identityIssuerSource: "secret" } },
    { before: soon },
  ]) {
    assert.deepEqual(await refusing(one), [], JSON.stringify(one));
  }
});

test("a pod whose certificate has ended is helped by a restart alone", async () => {
  assert.deepEqual(await refusing({ left: -1 }), []);
});

test("where it vouches, a certificate of before is refused by them until it is renewed", async () => {
  assert.deepEqual((await pods()).refused, []);
  assert.deepEqual((await pods({ vouched: true })).refused, ["both"]);
});
