import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { Extension } from "@peculiar/x509";
import { countExternalWorkloads, listMeshedPods, readHeldBundles } from "../../mesh/meshedPods.ts";
import { bundleSha256, joinBundle } from "../../rules/credentials/bundle.ts";
import { authority, authorityExtensions, hoursFromNow, parsed } from "../certificates.ts";
import { Refusal, startApiServer } from "./apiServer.ts";

const api = await startApiServer();
const mesh = { ...api.cluster, namespace: "linkerd" };
beforeEach(() => {
  api.requests = [];
});

const named = async (name: string) =>
  (await authority({ commonName: name, notAfter: hoursFromNow(87600) })).certificate;
const [one, two, three] = [await named("root"), await named("root-2"), await named("root-3")];
const textOf = (...certificates: (typeof one)[]) => joinBundle(certificates.map(String));
const trust = (...certificates: (typeof one)[]) => ({
  bundle: { field: "ConfigMap linkerd/linkerd-identity-trust-roots", text: textOf(...certificates) },
  anchors: certificates.map(parsed),
});

interface PodOptions {
  readonly namespace?: string;
  readonly hash?: string;
  readonly owner?: readonly [kind: string, name: string];
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

function metadataOf(name: string, { namespace = "shop", hash, owner, labels = {}, annotations }: PodOptions) {
  return {
    name,
    namespace,
    creationTimestamp: "2026-11-01T10:00:00Z",
    labels: { "linkerd.io/control-plane-ns": "linkerd", ...labels },
    annotations: annotations ?? {
      "linkerd.io/proxy-version": "edge-26.8.3",
      ...(hash === undefined ? {} : { "linkerd.io/trust-root-sha256": hash }),
    },
    ...(owner && { ownerReferences: [{ kind: owner[0], name: owner[1], controller: true }] }),
  };
}

/** A whole pod, whose proxy has this bundle. */
const podOf = (name: string, options: PodOptions, text: string | undefined) => ({
  metadata: metadataOf(name, options),
  spec: {
    containers: [
      { name: "app" },
      {
        name: "linkerd-proxy",
        env: [
          text === undefined
            ? { name: "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", valueFrom: { configMapKeyRef: {} } }
            : { name: "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", value: text },
        ],
      },
    ],
  },
});

const listing = (...metadata: object[]) => ({
  "/api/v1/pods": { metadata: {}, items: metadata.map((one) => ({ metadata: one })) },
});

suite("The meshed pods", () => {
  test("are listed page by page, by their metadata alone", async () => {
    const all = Array.from({ length: 7 }, (_, index) => metadataOf(`pod-${index}`, { hash: "a" }));
    api.objects = {
      "/api/v1/pods": (query: URLSearchParams) => {
        const start = Number(query.get("continue") ?? 0);
        const items = all.slice(start, start + 3).map((metadata) => ({ metadata }));
        return { metadata: { continue: start + 3 < all.length ? `${start + 3}` : "" }, items };
      },
    };
    const pods = await listMeshedPods(mesh);
    assert.deepEqual(
      pods.map(({ name }) => name),
      all.map(({ name }) => name),
    );
    assert.equal(api.requests.length, 3);
    assert.match(
      api.requests[0]!,
      /labelSelector=linkerd\.io\/control-plane-ns=linkerd,!linkerd\.io\/cni-resource/,
    );
    assert.match(api.requests[0]!, /limit=200/);
    assert.match(api.headers.accept!, /as=PartialObjectMetadataList/);
  });

  test("belong to the workload that a restart would restart", async () => {
    const pods = {
      "web-5d9c-abcde": ["Deployment web", ["ReplicaSet", "web-5d9c"], { "pod-template-hash": "5d9c" }],
      "cart-77-x": ["Rollout cart", ["ReplicaSet", "cart-77"], { "rollouts-pod-template-hash": "77" }],
      "old-x": ["ReplicaSet old", ["ReplicaSet", "old"], {}],
      "db-0": ["StatefulSet db", ["StatefulSet", "db"], {}],
      "log-x": ["DaemonSet log", ["DaemonSet", "log"], {}],
      "nightly-1": ["Job nightly", ["Job", "nightly"], {}],
      alone: ["Pod alone", undefined, {}],
    } as const;
    api.objects = listing(
      ...Object.entries(pods).map(([name, [, owner, labels]]) =>
        metadataOf(name, { hash: "a", labels: { ...labels }, ...(owner && { owner }) }),
      ),
    );
    assert.deepEqual(
      (await listMeshedPods(mesh)).map(({ workload }) => `${workload.kind} ${workload.name}`),
      Object.values(pods).map(([workload]) => workload),
    );
  });

  test("are those that have a proxy", async () => {
    api.objects = listing(
      metadataOf("heartbeat", { annotations: { "linkerd.io/created-by": "x" } }),
      metadataOf("web", { hash: "a" }),
    );
    assert.deepEqual(
      (await listMeshedPods(mesh)).map(({ name }) => name),
      ["web"],
    );
  });

  test("of the control plane, where someone else distributes the bundle, say which by our annotation", async () => {
    const annotations = {
      "linkerd.io/proxy-version": "edge-26.8.3",
      "linkerd.io/trust-root-sha256": bundleSha256(""),
    };
    api.objects = listing(
      metadataOf("with", { annotations: { ...annotations, "checksum/identity-trust-roots": "a" } }),
      metadataOf("without", { annotations }),
    );
    assert.deepEqual(
      (await listMeshedPods(mesh)).map((pod) => pod.bundleSha256),
      ["a", undefined],
    );
  });

  test("may not be seen by everyone", async () => {
    api.objects = { "/api/v1/pods": new Refusal(403, "pods is forbidden") };
    await assert.rejects(listMeshedPods(mesh), {
      message: "Pods of every namespace: pods is forbidden (HTTP 403).",
    });
  });
});

suite("The bundles that they hold", () => {
  const held = async (current: (typeof one)[], others: (typeof one)[] = []) =>
    readHeldBundles(mesh, trust(...current), await listMeshedPods(mesh), others.map(parsed));

  test("are told by their hashes, and nothing more is asked", async () => {
    api.objects = listing(
      metadataOf("now-1", { hash: bundleSha256(textOf(one, two)) }),
      metadataOf("now-2", { hash: bundleSha256(`${textOf(one, two)}\n`) }),
      metadataOf("before", { hash: bundleSha256(textOf(one)) }),
      metadataOf("long-ago", { hash: bundleSha256(textOf(three)) }),
    );
    assert.deepEqual(
      (await held([one, two], [three])).map(({ state, pods }) => [state, pods.map(({ name }) => name)]),
      [
        ["current", ["now-1"]],
        ["current", ["now-2"]],
        ["overlapping", ["before"]],
        ["stale", ["long-ago"]],
      ],
    );
    assert.equal(api.requests.length, 1);
  });

  test("are the mesh's own for pods of the control plane that have started since it was written", async () => {
    const hash = bundleSha256(textOf(three));
    api.objects = listing(
      metadataOf("identity", { hash, namespace: "linkerd" }),
      metadataOf("web", { hash }),
    );
    const states = async (bundleWrittenAt: Date) =>
      (
        await readHeldBundles(mesh, { ...trust(one), bundleWrittenAt }, await listMeshedPods(mesh), [
          parsed(three),
        ])
      ).map(({ state, pods }) => `${state}: ${pods.map(({ name }) => name).join()}`);
    assert.deepEqual(await states(new Date("2026-11-01T09:00:00Z")), ["current: identity", "stale: web"]);
    assert.deepEqual(await states(new Date("2026-11-01T11:00:00Z")), ["stale: identity,web"]);
  });

  test("are read from one pod where no hash tells them, and from another if that has gone", async () => {
    const text = `${textOf(one, three, two)}\n`;
    const hash = bundleSha256(text);
    api.objects = {
      ...listing(...["gone", "there", "more"].map((name) => metadataOf(name, { hash }))),
      "/api/v1/namespaces/shop/pods/there": podOf("there", { hash }, text),
    };
    const [bundle, ...more] = await held([one, two]);
    assert.deepEqual(
      [bundle?.state, bundle?.anchors?.length, bundle?.pods.length, more],
      ["overlapping", 3, 3, []],
    );
    assert.deepEqual(api.requests.slice(1), [
      "GET /api/v1/namespaces/shop/pods/gone",
      "GET /api/v1/namespaces/shop/pods/there",
    ]);
  });

  test("are unknown where a pod's hash lies, or where it may not be read", async () => {
    const hash = bundleSha256("another text");
    const pods = listing(metadataOf("web", { hash }));
    api.objects = { ...pods, "/api/v1/namespaces/shop/pods/web": podOf("web", { hash }, textOf(one)) };
    const [lying] = await held([one]);
    assert.equal(lying?.state, "unknown");
    assert.match(lying!.reason!, /pod shop\/web holds another bundle than the one whose hash it carries/);
    api.objects = { ...pods, "/api/v1/namespaces/shop/pods/web": new Refusal(403, "pods is forbidden") };
    assert.match((await held([one]))[0]!.reason!, /pods is forbidden/);
  });

  test("count what a proxy cannot read, and goes without", async () => {
    const unknown = new Extension("1.2.3.4.5", true, new Uint8Array([5, 0]));
    const extensions = [...authorityExtensions(), unknown];
    const { certificate } = await authority({ commonName: "skipped", extensions });
    const text = textOf(one, certificate);
    const hash = bundleSha256(text);
    api.objects = {
      ...listing(metadataOf("web", { hash })),
      "/api/v1/namespaces/shop/pods/web": podOf("web", { hash }, text),
    };
    const [bundle] = await held([one, two]);
    assert.deepEqual([bundle?.state, bundle?.anchors?.length, bundle?.skipped], ["overlapping", 1, 1]);
    // Though it is what the mesh has, it is not what its proxy holds.
    const [own] = await held([one, certificate]);
    assert.deepEqual([own?.state, own?.skipped], ["overlapping", 1]);
  });

  test("are read from whole pods where these carry no hash, as of old versions of Linkerd", async () => {
    const pods = [
      podOf("web", {}, textOf(one)),
      podOf("db", {}, textOf(three, one)),
      podOf("linkerd-identity", { namespace: "linkerd" }, undefined),
    ];
    api.objects = { "/api/v1/pods": { metadata: {}, items: pods } };
    assert.deepEqual(
      (await held([one])).map(({ state, reason, pods: holders }) => [state, reason, holders[0]?.name]),
      [
        ["current", undefined, "web"],
        ["overlapping", undefined, "db"],
        ["unknown", "its proxy takes it from elsewhere at its start", "linkerd-identity"],
      ],
    );
    assert.equal(api.requests.length, 2);
  });
});

test("ExternalWorkloads are counted, in whichever version the mesh has them", async () => {
  api.objects = {};
  assert.equal(await countExternalWorkloads(mesh), 0);
  api.objects = {
    "/apis/workload.linkerd.io/v1alpha1/externalworkloads": { metadata: {}, items: [{ metadata: {} }] },
  };
  assert.equal(await countExternalWorkloads(mesh), 1);
});
