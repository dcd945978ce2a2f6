import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { HeldBundle, MeshedPod } from "../../../mesh/meshedPods.ts";
import type { ProxyLeaf } from "../../../mesh/proxyLeaf.ts";
import { type DataPlane, sampleOf } from "../../../operations/status/dataPlane.ts";
import { dataPlaneProblems, podsToRestart } from "../../../operations/status/dataPlaneVerdict.ts";
import { statusJson } from "../../../operations/status/json.ts";
import { statusTable } from "../../../operations/status/table.ts";
import { describeFinding } from "../../../rules/finding.ts";
import { bundleState } from "../../../rules/mesh/heldBundle.ts";
import { authority, hoursFromNow, leaf, now, parsed } from "../../certificates.ts";
import { soundStatus } from "./soundStatus.ts";

const { status: sound, anchor, issuer, anchors } = await soundStatus();
const stranger = await authority({
  commonName: "root-9.linkerd.cluster.local",
  notAfter: hoursFromNow(9000),
});

const pod = (
  name: string,
  { namespace = "shop", kind = "Deployment", hours = 1, workload = name } = {},
): MeshedPod => ({
  namespace,
  name: `${name}-x`,
  workload: { namespace, kind, name: workload },
  createdAt: hoursFromNow(-hours),
  bundleSha256: "hash",
});

const holding = (
  held: readonly (typeof anchors)[number][] | undefined,
  ...pods: MeshedPod[]
): HeldBundle => ({
  state: bundleState(held, anchors),
  sha256: "hash",
  ...(held === undefined ? { reason: "pods is forbidden" } : { anchors: held }),
  skipped: 0,
  pods,
});

const leafOf = async (of: MeshedPod, from: number, until: number, signer = issuer): Promise<ProxyLeaf> => ({
  pod: of,
  leaf: parsed(
    await leaf({ commonName: of.name, signer, notBefore: hoursFromNow(from), notAfter: hoursFromNow(until) }),
  ),
  intermediates: [parsed(signer.certificate)],
});

const having = (changed: Partial<DataPlane>) => {
  const bundles = changed.bundles ?? [holding(anchors, pod("web"))];
  const pods = bundles.reduce((sum, one) => sum + one.pods.length, 0);
  return { ...sound, dataPlane: { pods, bundles, externalWorkloads: 0, leaves: [], ...changed } };
};

/** The only problem of a mesh, as one text. */
function onlyProblem(status: typeof sound): string {
  const problems = dataPlaneProblems(status);
  assert.equal(problems.length, 1, JSON.stringify(problems));
  return `${problems[0]!.severity}: ${describeFinding(problems[0]!)}`;
}

suite("Of the meshed pods, it is said", () => {
  test("nothing where all hold the mesh's anchors and their leaves live", async () => {
    const web = pod("web");
    assert.deepEqual(
      dataPlaneProblems(having({ bundles: [holding(anchors, web)], leaves: [await leafOf(web, -1, 23)] })),
      [],
    );
    assert.deepEqual(dataPlaneProblems(sound), [], "pods that may not be listed are told elsewhere");
  });

  test("that they refuse what identity signs, which no Ready condition shows", () => {
    const old = holding([parsed(stranger.certificate)], pod("web"), pod("cart", { hours: 9 }));
    assert.match(
      onlyProblem(having({ bundles: [holding(anchors, pod("db")), old] })),
      /^error: Deployment shop\/cart, Deployment shop\/web: The leaves .* refused by 2 pods, .*leads to no trust anchor.*\n.*--fix.*\n.*pods-accept-issuer/,
    );
  });

  test("that they live by the cross certificate alone", async () => {
    const next = await authority({
      commonName: "root-2.linkerd.cluster.local",
      notAfter: hoursFromNow(9000),
    });
    const cross = await authority({ commonName: next.commonName, keys: next, signer: anchor });
    const signer = await authority({ commonName: "identity.linkerd.cluster.local", signer: next });
    const issued = parsed(await leaf({ commonName: "default.linkerd", signer }));
    const proof = {
      ...sound.controllers[0]!.proof!,
      leaf: issued,
      intermediates: [signer, cross].map(({ certificate }) => parsed(certificate)),
    };
    const old = { ...holding(anchors, pod("web")), state: "stale" as const };
    const rotated = { ...having({ bundles: [old] }), controllers: [{ podName: "identity-1", proof }] };
    assert.match(
      onlyProblem(rotated),
      /^warning: .*None of the mesh's anchors is held by 1 pod: .*\n.*\n.*pods-hold-anchor/,
    );
    assert.equal(podsToRestart(rotated).size, 0);
  });

  test("nothing of an anchor's end where its certificate has been issued again: a proxy does not look at it", async () => {
    const web = pod("web");
    const before = await authority({
      ...{ commonName: "root.linkerd.cluster.local", keys: anchor },
      notAfter: hoursFromNow(-0.5),
    });
    const seen = having({
      bundles: [holding([parsed(before.certificate)], web)],
      leaves: [await leafOf(web, -1, 23)],
    });
    assert.deepEqual(dataPlaneProblems(seen), []);
    assert.deepEqual(podsToRestart(seen).size, 0);
  });

  test("nothing by what has ended when it is issued, which everyone refuses", async () => {
    const proof = { ...sound.controllers[0]!.proof!, leaf: (await leafOf(pod("web"), -2, -1)).leaf! };
    const seen = { ...having({}), controllers: [{ podName: "identity-1", proof }] };
    assert.deepEqual(dataPlaneProblems(seen), []);
  });

  test("that nobody knows what they hold, or that they skip a part of it", () => {
    assert.match(
      onlyProblem(having({ bundles: [holding(undefined, pod("web"))] })),
      /^warning: .*The anchors of 1 pod are not known: pods is forbidden\.\n.*\n.*pods-bundle-known/,
    );
    assert.match(
      onlyProblem(having({ bundles: [{ ...holding(anchors, pod("web")), skipped: 1 }] })),
      /^error: .*Of the bundle with which 1 pod started, 1 of 2 certificates cannot be read/,
    );
  });

  test("that their leaves have ended, by themselves or by Prometheus", async () => {
    const [web, cart, gone] = [pod("web"), pod("cart"), pod("gone")];
    const bundles = [holding(anchors, web, cart)];
    const reports = {
      reports: [cart, gone].map(({ namespace, name }) => ({
        ...{ namespace, name, failedRefreshes: 0 },
        ...{ from: hoursFromNow(-30), end: hoursFromNow(-6) },
      })),
    };
    const ended = having({ bundles, leaves: [await leafOf(web, -25, -1)], reports });
    assert.match(
      onlyProblem(ended),
      /^error: Deployment shop\/web, Deployment shop\/cart: The leaves of 2 pods have ended.*\n.*Nothing else helps/,
    );
    assert.deepEqual([...podsToRestart(ended).keys()], [web, cart]);
  });

  test("that their leaves lead nowhere, are not refreshed, or are not shown", async () => {
    const web = pod("web");
    const bundles = [holding(anchors, web)];
    const foreign = having({ bundles, leaves: [await leafOf(web, -1, 23, stranger)] });
    assert.match(onlyProblem(foreign), /^error: .*lead to no anchor of the mesh/);
    assert.equal(podsToRestart(foreign).size, 1);
    const failing = { ...(await leafOf(web, -18, 6)), failedRefreshes: 3 };
    assert.match(
      onlyProblem(having({ bundles, leaves: [failing] })),
      /^warning: .*should have been refreshed/,
    );
    const silent = { pod: web, intermediates: [], failure: "Port 4191 cannot be reached" };
    assert.deepEqual(dataPlaneProblems(having({ bundles, leaves: [{ ...silent, isStarting: true }] })), []);
    assert.match(
      onlyProblem(having({ bundles, leaves: [silent] })),
      /^warning: .*No leaf is shown by 1 of the 1 proxies .*: Port 4191/,
    );
  });

  test("which workloads they belong to, in the table and as JSON", async () => {
    const status = having({
      bundles: [
        holding(anchors, pod("web"), pod("web-2", { workload: "web", hours: 5 })),
        holding(
          [parsed(stranger.certificate)],
          ...Array.from({ length: 7 }, (_, index) => pod(`old-${index}`)),
        ),
      ],
      externalWorkloads: 3,
      leaves: [await leafOf(pod("web"), -1, 23)],
    });
    const table = statusTable(status, []);
    assert.match(table, /Meshed pods: 9 of 8 workloads; 3 external workloads, of which nothing is proven/);
    assert.match(table, /\n {2}current: 2 pods with the mesh's anchors\n/);
    assert.match(
      table,
      /\n {2}stale: 7 pods with none .*\(root-9.*\): Deployment shop\/old-0, .* and 2 more\n/,
    );
    assert.match(table, /leaves: shown by 1 of 1 proxies .*, signed by generation 1; .* ends in 22 h 59 min/);
    const { mesh } = JSON.parse(statusJson(status, []));
    assert.deepEqual(mesh.bundles[0].workloads, [
      { namespace: "shop", kind: "Deployment", name: "web", pods: 2, oldest: hoursFromNow(-5).toISOString() },
    ]);
    assert.equal(mesh.leaves[0].generation, 1);
  });
});

test("A sample has the oldest pod of each workload and bundle, and the control plane's first", () => {
  const bundles = [
    holding(
      anchors,
      pod("web"),
      pod("web", { hours: 7 }),
      pod("identity", { namespace: "linkerd", hours: 2 }),
    ),
    holding([], pod("web", { hours: 30 })),
  ];
  assert.deepEqual(
    sampleOf(bundles, "linkerd").map(({ createdAt }) => (now.getTime() - createdAt.getTime()) / 3_600_000),
    [2, 30, 7],
  );
  const many = holding(anchors, ...Array.from({ length: 100 }, (_, index) => pod(`web-${index}`)));
  assert.equal(sampleOf([many], "linkerd").length, 12);
});
