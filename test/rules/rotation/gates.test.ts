import assert from "node:assert/strict";
import { test } from "node:test";
import type { ParsedCertificate } from "../../../rules/credentials/certificate.ts";
import { checkIssued, crossCertificatesIn, type Evidence, gatesOf } from "../../../rules/rotation/gates.ts";
import type { Stage } from "../../../rules/rotation/stage.ts";
import { authority, type Fabricated, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";

const root = (commonName: string, notAfter = hoursFromNow(87_600)) => authority({ commonName, notAfter });
const old = await root("root.linkerd.cluster.local");
const next = await root("root-2.linkerd.cluster.local");
const cross = await authority({
  commonName: next.commonName,
  keys: next,
  signer: old,
  notAfter: hoursFromNow(87_000),
});
const below = (signer: Fabricated) => authority({ commonName: "identity.linkerd.cluster.local", signer });
const issuer = await below(next);
const oldIssuer = await below(old);
const certified = async (signer: Fabricated) =>
  parsed(await leaf({ commonName: "web", signer, notBefore: now, notAfter: hoursFromNow(24) }));
const one = ({ certificate }: Fabricated): ParsedCertificate => parsed(certificate);

const pod = (name: string) => ({
  name,
  workload: { namespace: "shop", kind: "Deployment", name: name.split("-")[0]! },
});
const controller = async (intermediates: Fabricated[], signer = issuer) => ({
  podName: "linkerd-identity-1",
  proof: {
    issuer: one(signer),
    leaf: await certified(signer),
    intermediates: [signer, ...intermediates].map(one),
  },
});

const vouched: Stage = {
  name: "vouched",
  generations: [1, 2],
  signing: 2,
  distrusted: [],
  crossSigned: [{ generation: 2, by: 1 }],
};
const demands = {
  rotationAllowance: "2160h",
  issuanceLifetime: "24h",
  clockSkewAllowance: "20s",
  externalConfirmed: false,
};

const evidence = async (changes: Partial<Evidence> = {}): Promise<Evidence> => ({
  time: now,
  roots: new Map([
    [1, one(old)],
    [2, one(next)],
  ]),
  stored: one(issuer),
  controllers: [await controller([cross])],
  held: [{ anchors: [one(old), one(next)], pods: [pod("web-1"), pod("web-2")] }],
  externalWorkloads: 0,
  ...changes,
});

const shut = (gates: ReturnType<typeof gatesOf>) =>
  gates.filter(({ isOpen }) => !isOpen).map(({ seen }) => seen);

test("everything is as it has to be", async () => {
  for (const step of ["begin", "activate", "settle"] as const) {
    const gates = gatesOf(step, { ...vouched, signing: 1 }, await evidence(), demands);
    assert.ok(gates.length >= 2, step);
    assert.deepEqual(shut(gates), [], step);
  }
  assert.deepEqual(gatesOf("withdraw", vouched, await evidence(), demands), []);
});

test("no step without every controller on the issuer that is stored", async () => {
  for (const [changes, seen] of [
    [{ controllers: [] }, "no identity controller is running"],
    [{ stored: undefined }, "there is no issuer that can be read"],
    [{ controllers: [await controller([], oldIssuer)] }, "linkerd-identity-1: it signs with another one"],
    [
      { controllers: [await controller([cross]), { podName: "linkerd-identity-2", failure: "refused" }] },
      "linkerd-identity-2: refused",
    ],
  ] as const) {
    assert.deepEqual(shut(gatesOf("settle", vouched, await evidence(changes), demands)), [seen]);
  }
});

test("a rotation begins while the old root lives long enough", async () => {
  const ending = await root("root.linkerd.cluster.local", hoursFromNow(2159));
  const idle: Stage = { name: "idle", generations: [1], signing: 1, distrusted: [], crossSigned: [] };
  const gates = gatesOf("begin", idle, await evidence({ roots: new Map([[1, one(ending)]]) }), demands);
  assert.equal(shut(gates).length, 1);
  assert.match(shut(gates)[0]!, /^it ends at /);
  const shorter = { ...demands, rotationAllowance: "2158h" };
  assert.deepEqual(
    shut(gatesOf("begin", idle, await evidence({ roots: new Map([[1, one(ending)]]) }), shorter)),
    [],
  );
});

test("nobody stops vouching while a pod holds the old root alone, or nobody knows what it holds", async () => {
  const held = [
    { anchors: [one(old)], pods: [pod("db-1")] },
    { reason: "forbidden", pods: [pod("job-1")] },
    { anchors: [one(old), one(next)], pods: [pod("web-1")] },
  ];
  for (const step of ["settle", "activate"] as const) {
    assert.deepEqual(shut(gatesOf(step, vouched, await evidence({ held }), demands)), [
      "2 of 3 pods were not: Deployment shop/db, Deployment shop/job",
    ]);
  }
});

test("workloads outside of the cluster are someone's word", async () => {
  const outside = await evidence({ externalWorkloads: 2 });
  assert.match(shut(gatesOf("settle", vouched, outside, demands))[0]!, /^2 ExternalWorkloads, of which only/);
  assert.deepEqual(shut(gatesOf("settle", vouched, outside, { ...demands, externalConfirmed: true })), []);
});

test("the old root goes once every proxy has a certificate that leads to the new one by itself", async () => {
  const proxy = async (signer: Fabricated, ...following: Fabricated[]) => ({
    pod: pod("web-1"),
    leaf: await certified(signer),
    intermediates: following.map(one),
  });
  const alone: Stage = { ...vouched, name: "alone", crossSigned: [] };
  for (const [proxies, seen] of [
    [[await proxy(issuer, issuer)], []],
    [
      [await proxy(issuer, issuer, cross)],
      [/^shop\/web-1: its certificate is still vouched for, and ends at /],
    ],
    [[await proxy(oldIssuer, oldIssuer)], [/^shop\/web-1: "web" leads to no trust anchor/]],
    [[{ pod: pod("web-1"), intermediates: [], failure: "no answer" }], [/^shop\/web-1: no answer$/]],
    [undefined, [/^the proxies have not been asked$/]],
  ] as const) {
    const seenNow = await evidence(proxies && { proxies });
    const told = shut(gatesOf("retire", alone, seenNow, demands));
    assert.equal(told.length, seen.length, told.join());
    for (const [place, pattern] of seen.entries()) assert.match(told[place]!, pattern);
  }
});

test("a generation is dropped once every proxy has a certificate that leads to the one before", async () => {
  const distributed: Stage = {
    name: "distributed",
    generations: [1, 2],
    signing: 1,
    distrusted: [],
    crossSigned: [],
  };
  const proxy = async (signer: Fabricated, ...following: Fabricated[]) => ({
    pod: pod("web-1"),
    leaf: await certified(signer),
    intermediates: following.map(one),
  });
  for (const [proxies, isOpen] of [
    [[await proxy(oldIssuer, oldIssuer)], true],
    [[await proxy(issuer, issuer, cross)], true],
    [[await proxy(issuer, issuer)], false],
  ] as const) {
    const gates = gatesOf("drop", distributed, await evidence({ proxies }), demands);
    assert.deepEqual(
      gates.map((gate) => gate.isOpen),
      [isOpen],
    );
  }
});

test("of a proxy that does not answer, time tells", async () => {
  const alone: Stage = { ...vouched, name: "alone", crossSigned: [] };
  const proxies = [{ pod: pod("web-1"), intermediates: [], failure: "no answer" }];
  for (const [hours, told] of [
    [-24, ["shop/web-1: no answer"]],
    [-24.2, []],
  ] as const) {
    const seenNow = await evidence({ proxies, signerSetAt: hoursFromNow(hours) });
    assert.deepEqual(shut(gatesOf("retire", alone, seenNow, demands)), told);
  }
});

test("what proxies get is whole if it has its full life and every pod accepts it", async () => {
  const held = [
    { anchors: [one(old)], pods: [pod("db-1")] },
    { reason: "forbidden", pods: [pod("job-1")] },
  ];
  const seen = await evidence({ held });
  assert.deepEqual(checkIssued(await controller([cross]), seen, demands), []);
  const [refused, ...others] = checkIssued(await controller([]), seen, demands);
  assert.deepEqual(others, []);
  assert.match(refused!, /^1 pod with "root\.linkerd\.cluster\.local" would refuse it: /);
  const [cut] = checkIssued(await controller([cross]), seen, { issuanceLifetime: "25h" });
  assert.match(cut!, /gives certificates of 86400 s, less than 25h/);
  assert.deepEqual(checkIssued({ podName: "a", failure: "refused" }, seen, demands), [
    "a gives no certificate: refused",
  ]);
});

test("the cross certificate in a controller's answer is told from its issuer and from roots", async () => {
  assert.deepEqual(
    crossCertificatesIn(await controller([cross])),
    [one(cross)].map((found) => found),
  );
  assert.deepEqual(crossCertificatesIn(await controller([next])), []);
  assert.deepEqual(crossCertificatesIn({ podName: "a" }), []);
});
