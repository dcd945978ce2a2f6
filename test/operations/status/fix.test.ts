import assert from "node:assert/strict";
import { suite, test } from "node:test";
import "reflect-metadata"; // @peculiar/x509 expects it to be there
import { Extension } from "@peculiar/x509";
import type { MeshedPod } from "../../../mesh/meshedPods.ts";
import { carryOut, describePlan, planOf } from "../../../operations/status/fix.ts";
import type { MeshStatus } from "../../../operations/status/read.ts";
import { problemsOf } from "../../../operations/status/verdict.ts";
import { authority, authorityExtensions, hoursFromNow, leaf, parsed } from "../../certificates.ts";
import { Refusal, startApiServer } from "../../mesh/apiServer.ts";
import { soundStatus } from "./soundStatus.ts";

const { status: sound, anchor, issuer, anchors } = await soundStatus();

const pod = (kind: string, name: string, namespace = "shop"): MeshedPod => ({
  namespace,
  name: `${name}-x`,
  workload: { namespace, kind, name },
  createdAt: hoursFromNow(-30),
});

/** A mesh in which the leaves of these pods have ended. */
async function withEnded(...pods: MeshedPod[]): Promise<MeshStatus> {
  const ended = parsed(
    await leaf({
      commonName: "web",
      signer: issuer,
      notBefore: hoursFromNow(-26),
      notAfter: hoursFromNow(-2),
    }),
  );
  const leaves = pods.map((one) => ({ pod: one, leaf: ended, intermediates: [parsed(issuer.certificate)] }));
  const bundles = [
    { state: "current" as const, anchors, skipped: 0, pods: [...pods, pod("Deployment", "healthy")] },
  ];
  return { ...sound, dataPlane: { pods: pods.length + 1, bundles, externalWorkloads: 0, leaves } };
}

/** The issuer is another one than what the controller has loaded, and has been delivered long ago. */
async function withBlindWatcher(): Promise<MeshStatus> {
  const stored = await authority({ commonName: "identity.linkerd.cluster.local", signer: anchor });
  return {
    ...sound,
    issuer: {
      ...sound.issuer,
      certificate: parsed(stored.certificate),
      pem: { ...sound.issuer.pem!, text: String(stored.certificate).trimEnd() },
    },
    lastReload: { uid: "1", reason: "IssuerUpdated", message: "it lies", count: 1, time: new Date() },
  };
}

const planned = (status: MeshStatus) => describePlan(planOf(status, problemsOf(status)));

suite("What is restarted is", () => {
  test("nothing in a mesh that is right", () => {
    assert.equal(planned(sound), "Nothing here is mended by a restart.");
  });

  test("identity, if it has missed a renewal, though its event says otherwise", async () => {
    assert.match(
      planned(await withBlindWatcher()),
      /^Restarting, in this order:\n {2}Deployment linkerd\/linkerd-identity: The identity controller has loaded issuer .* holds .*$/,
    );
  });

  test("what has a leaf that has ended, identity before the control plane, and that before all else", async () => {
    const status = await withEnded(
      pod("Deployment", "web"),
      pod("StatefulSet", "db"),
      pod("Deployment", "linkerd-destination", "linkerd"),
      pod("Deployment", "linkerd-identity", "linkerd"),
      pod("Job", "nightly"),
      pod("Pod", "alone"),
    );
    const lines = planned(status).split("\n");
    assert.deepEqual(
      lines.map((line) => line.replace(/: 1 pod: its leaf ended at .*/, "")),
      [
        "Restarting, in this order:",
        "  Deployment linkerd/linkerd-identity",
        "  Deployment linkerd/linkerd-destination",
        "  Deployment shop/web",
        "  StatefulSet shop/db",
        "To be made anew by whoever has made them:",
        "  Job shop/nightly",
        "  Pod shop/alone",
      ],
    );
  });

  test("what cannot read all of the bundle with which it started, once the mesh has one that it can", async () => {
    const bundles = [{ state: "current" as const, anchors, skipped: 1, pods: [pod("Deployment", "web")] }];
    const mended: MeshStatus = {
      ...sound,
      dataPlane: { pods: 1, bundles, externalWorkloads: 0, leaves: [] },
    };
    assert.match(
      planned(mended),
      /^Restarting, in this order:\n {2}Deployment shop\/web: 1 pod: cannot read all of the bundle .*$/,
    );
    // The proxy's verifier does not know what is critical in it.
    const unknown = new Extension("1.2.3.4.5", true, new Uint8Array([5, 0]));
    const extensions = [...authorityExtensions(), unknown];
    const { certificate } = await authority({ commonName: "company root", extensions });
    const { bundle } = sound.trust;
    const text = `${bundle.text}\n${certificate.toString().trimEnd()}`;
    const trust = { ...sound.trust, bundle: { ...bundle, text }, anchors: [...anchors, parsed(certificate)] };
    assert.equal(planned({ ...mended, trust }), "Nothing here is mended by a restart.");
  });

  test("nothing as long as identity would not start, or does not answer", async () => {
    const ended = await withEnded(pod("Deployment", "web"));
    const stranger = await authority({ commonName: "root-9" });
    const refused = { ...ended, trust: { ...ended.trust, anchors: [parsed(stranger.certificate)] } };
    assert.match(
      planned(refused),
      /^Nothing is restarted: identity would not start with the issuer that is stored/,
    );
    const silent = { ...ended, controllers: [{ podName: "linkerd-identity-1", failure: "it does not run" }] };
    assert.match(planned(silent), /^Nothing is restarted: no identity controller answers/);
  });
});

suite("A restart", () => {
  test("is that of kubectl, and waits until identity runs", async () => {
    const api = await startApiServer();
    const mesh = { ...api.cluster, namespace: "linkerd" };
    const apps = "/apis/apps/v1/namespaces";
    const replicas = [2, 2, 1];
    api.objects = {
      [`${apps}/linkerd/deployments/linkerd-identity`]: () => ({
        metadata: { generation: 2 },
        spec: { replicas: 1 },
        status: {
          observedGeneration: 2,
          replicas: replicas.shift(),
          updatedReplicas: 1,
          availableReplicas: 1,
        },
      }),
      [`${apps}/shop/statefulsets/db`]: {},
      [`${apps}/shop/daemonsets/log`]: {},
      "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/cart": {},
      [`${apps}/shop/deployments/web`]: new Refusal(403, "forbidden"),
    };
    const restarts = [
      pod("Deployment", "linkerd-identity", "linkerd"),
      pod("StatefulSet", "db"),
      pod("DaemonSet", "log"),
      pod("Rollout", "cart"),
      pod("Deployment", "web"),
    ].map(({ workload }) => ({ workload, reason: "" }));
    await assert.rejects(carryOut(mesh, { restarts, others: [] }), {
      message: "Deployment shop/web: forbidden (HTTP 403).",
    });
    const identity = `${apps}/linkerd/deployments/linkerd-identity`;
    assert.deepEqual(api.requests, [
      `PATCH ${identity}`,
      `GET ${identity}`,
      `GET ${identity}`,
      `PATCH ${apps}/shop/statefulsets/db`,
      `PATCH ${apps}/shop/daemonsets/log`,
      "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/cart",
      `PATCH ${apps}/shop/deployments/web`,
    ]);
    assert.equal(api.headers["content-type"], "application/strategic-merge-patch+json");
  });
});
