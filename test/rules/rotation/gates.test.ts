import assert from "node:assert/strict";
import { test } from "node:test";
import type { ParsedCertificate } from "../../../rules/credentials/certificate.ts";
import {
  checkIssued,
  crossCertificatesIn,
  type Evidence,
  failedRenewals,
  gatesOf,
  leadsTo,
} from "../../../rules/rotation/gates.ts";
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
  assert.deepEqual(gatesOf("recall", vouched, await evidence(), demands), []);
  assert.deepEqual(shut(gatesOf("withdraw", vouched, await evidence(), demands)), []);
});

test("the older one does not sign again while a pod holds the newest alone", async () => {
  const held = [{ anchors: [one(next)], pods: [pod("web-1")] }];
  assert.deepEqual(shut(gatesOf("withdraw", vouched, await evidence({ held }), demands)), [
    "1 of 1 pod was not: Deployment shop/web",
  ]);
});

const distrusted: Stage = { ...vouched, name: "distrusted", distrusted: [1], crossSigned: [] };

test("what is distrusted goes as soon as every pod holds the newest alone, whoever answers", async () => {
  const roots = new Map([[2, one(next)]]);
  const told = async (...anchors: Fabricated[]) =>
    shut(
      gatesOf(
        "retire",
        distrusted,
        await evidence({ roots, held: [{ anchors: anchors.map(one), pods: [pod("web-1")] }] }),
        demands,
      ),
    );
  assert.deepEqual(await told(next), []);
  for (const anchors of [[old], [old, next]]) {
    assert.deepEqual(await told(...anchors), ["1 of 1 pod was not: Deployment shop/web"]);
  }
});

test("each cluster that trusts the same anchors has to be through", async () => {
  const east = {
    cluster: "east",
    held: [{ anchors: [one(old)], pods: [pod("web-1")] }],
    externalWorkloads: 1,
  };
  const gates = gatesOf("settle", vouched, await evidence({ others: [east] }), demands);
  assert.deepEqual(
    gates.filter(({ isOpen }) => !isOpen).map(({ demand }) => demand),
    [
      "Every pod of the mesh of cluster east was started with generation 2.",
      "Every workload outside of cluster east was started with generation 2.",
    ],
  );
  const alone: Stage = { ...vouched, name: "alone", crossSigned: [] };
  const silent = await evidence({ others: [{ ...east, proxies: [] }], proxies: [] });
  assert.ok(
    gatesOf("retire", alone, silent, demands).some(
      ({ demand, isOpen }) => isOpen && /^Every proxy of cluster east has renewed/.test(demand),
    ),
  );
});

test("a renewal that fails since the newest signs alone is told of, with its proxy", async () => {
  const proxy = async (
    hoursAgo: number,
    failedRefreshes: number | undefined,
    ...following: Fabricated[]
  ) => ({
    pod: pod("web-1"),
    leaf: parsed(
      await leaf({
        commonName: "web",
        signer: issuer,
        notBefore: hoursFromNow(-hoursAgo),
        notAfter: hoursFromNow(24 - hoursAgo),
      }),
    ),
    intermediates: following.map(one),
    failedRefreshes,
  });
  const failed = async (one: Awaited<ReturnType<typeof proxy>>, setHoursAgo = 12) =>
    failedRenewals(2, await evidence({ proxies: [one], signerSetAt: hoursFromNow(-setHoursAgo) }));
  const [told, ...others] = await failed(await proxy(18, 3, issuer, cross));
  assert.deepEqual(others, []);
  assert.equal(told!.proxy, "shop/web-1");
  assert.match(told!.seen, /^3 renewals failed, and its certificate ends at /);
  assert.match(
    (await failed(await proxy(25, 9, issuer, cross), 20))[0]!.seen,
    /its certificate has ended at /,
  );
  assert.equal((await failed(await proxy(20, undefined, issuer, cross))).length, 1);
  for (const [why, none] of [
    ["its time has not come", await failed(await proxy(10, 3, issuer, cross))],
    ["it has renewed since", await failed(await proxy(18, 3, issuer))],
    ["it had failed before", await failed(await proxy(20, 3, issuer, cross), 1)],
    ["nobody knows of a failure yet", await failed(await proxy(18, undefined, issuer, cross))],
  ] as const) {
    assert.deepEqual(none, [], why);
  }
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
  assert.deepEqual(
    gates.flatMap(({ fix }) => fix ?? []),
    [
      "Set trustAnchorRotationAllowance to less than 2160h, if every pod is restarted once in that time. If not, wait for its end: npm run -s recover then has it issued again, or says who does.",
    ],
  );
  const shorter = { ...demands, rotationAllowance: "2158h" };
  const [, left] = gatesOf("begin", idle, await evidence({ roots: new Map([[1, one(ending)]]) }), shorter);
  assert.deepEqual([left!.isOpen, left!.fix], [true, undefined]);
});

test("of a root that has ended it is said what to do: time does not open that gate", async () => {
  const ended = await root("root.linkerd.cluster.local", hoursFromNow(-1));
  const idle: Stage = { name: "idle", generations: [1], signing: 1, distrusted: [], crossSigned: [] };
  const seen = await evidence({ roots: new Map([[1, one(ended)]]) });
  const left = (stage: Stage) => gatesOf("begin", stage, seen, demands)[1]!;
  assert.deepEqual(
    [left(idle).isOpen, left(idle).seen],
    [false, `it ended at ${hoursFromNow(-1).toISOString().replace(/\.\d+/, ".000")}`],
  );
  const again =
    "Type: npm run -s recover, which has it issued again with the key that it has, or says who does.";
  assert.equal(
    left(idle).fix,
    `${again} If that key may be in someone else's hands: npm run -s rotate -- begin --distrust`,
  );
  assert.equal(left({ ...idle, elsewhere: "identityIssuer.vault" }).fix, again);
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

test("an anchor is needed while a certificate is alive that leads to none of the others", async () => {
  const proxies = [{ pod: pod("web-1"), leaf: await certified(oldIssuer), intermediates: [one(oldIssuer)] }];
  const seen = await evidence({ proxies });
  const gate = leadsTo([2], seen, seen, demands);
  assert.equal(gate.demand, "Every proxy's certificate leads to generation 2.");
  assert.match(gate.seen, /^shop\/web-1: "web" leads to no trust anchor/);
  assert.equal(leadsTo([1, 2], seen, seen, demands).isOpen, true);
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
  // What another one has signed since is no better than what was before.
  const other = await evidence({ proxies, signerSetAt: hoursFromNow(-99), stored: one(oldIssuer) });
  assert.deepEqual(leadsTo([2], other, other, demands).isOpen, false);
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
