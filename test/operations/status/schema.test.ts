/** The schema is read by others: what it says of the JSON has to be so, of a mesh that is right and of one that is not. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { z } from "zod";
import { statusJson } from "../../../operations/status/json.ts";
import type { MeshStatus } from "../../../operations/status/read.ts";
import { problemsOf } from "../../../operations/status/verdict.ts";
import { authority, hoursFromNow, leaf, parsed } from "../../certificates.ts";
import { soundStatus } from "./soundStatus.ts";

const text = readFileSync(join(import.meta.dirname, "../../../docs/status.schema.json"), "utf8");
const schema = z.fromJSONSchema(JSON.parse(text));
const { status: sound, anchor, issuer, anchors } = await soundStatus();

const jsonOf = (status: MeshStatus) => JSON.parse(statusJson(status, problemsOf(status)));

/** Why an output does not keep to the schema. */
const faultsOf = (output: unknown) => schema.safeParse(output).error?.issues ?? [];

/** With everything in it that can be. */
async function full(): Promise<MeshStatus> {
  const next = await authority({ commonName: "root-2.linkerd.cluster.local", notAfter: hoursFromNow(9000) });
  const cross = parsed(
    (await authority({ commonName: next.commonName, keys: next, signer: anchor })).certificate,
  );
  const web = { namespace: "shop", name: "web-1", createdAt: hoursFromNow(-9), bundleSha256: "hash" };
  const workload = { namespace: "shop", kind: "Deployment", name: "web" };
  const pod = { ...web, workload };
  const ended = parsed(await leaf({ commonName: "web", signer: issuer, notAfter: hoursFromNow(-0.5) }));
  const certificate = { metadata: { name: "linkerd-identity-issuer", uid: "1" } };
  const renewedBy = {
    ...certificate,
    spec: { secretName: "linkerd-identity-issuer", issuerRef: { name: "linkerd-trust-anchor" } },
    status: { renewalTime: hoursFromNow(23).toISOString(), failedIssuanceAttempts: 1 },
  };
  return {
    ...sound,
    trust: { ...sound.trust, distributedSha256: "hash", bundleWrittenAt: hoursFromNow(-1) },
    generations: [
      {
        ...sound.generations[0]!,
        vouchers: [{ certificate: cross, by: anchors[0] }, { certificate: cross }],
      },
    ],
    sharedTrust: {
      own: anchors,
      linked: [
        {
          ...{ cluster: "east", link: { namespace: "linkerd-multicluster", name: "east" } },
          ...{ own: [parsed(next.certificate)], bundle: anchors, readAt: hoursFromNow(-1) },
        },
        { cluster: "west", link: { namespace: "linkerd-multicluster", name: "west" }, bundle: [] },
      ],
    },
    unknown: ["pods is forbidden"],
    emergencies: [
      {
        object: {
          apiVersion: "v1",
          kind: "Secret",
          name: "linkerd-identity-issuer",
          namespace: "linkerd",
        },
        reason: "INC-42",
      },
    ],
    issuer: { ...sound.issuer, intermediates: [cross], renewedBy },
    webhooks: [
      {
        ...{
          name: "proxy injector",
          secretName: "injector",
          serverName: "injector.linkerd.svc",
          caBundle: anchors,
        },
        ...{ certificate: ended, intermediates: [] },
        served: [
          { podName: "one", chain: [ended] },
          { podName: "two", failure: "refused" },
        ],
      },
      {
        ...{ name: "policy validator", secretName: "policy", serverName: "policy.linkerd.svc", caBundle: [] },
        ...{ intermediates: [], unreadable: "The Secret does not exist.", served: [] },
      },
    ],
    controllers: [
      { ...sound.controllers[0]!, bundleSha256: "other", metricNotAfter: hoursFromNow(2) },
      { podName: "linkerd-identity-2", failure: "it does not answer", metricFailure: "nor this" },
    ],
    lastReload: { uid: "1", reason: "IssuerUpdateSkipped", message: "x509", count: 2, time: new Date() },
    renewal: {
      certificates: [renewedBy],
      programs: [
        {
          ...{
            component: "controller",
            namespace: "cert-manager",
            name: "cert-manager",
            availableReplicas: 0,
          },
          ...{ clusterResourceNamespace: "cert-manager", args: [] },
        },
      ],
      signers: [
        {
          ...{ group: "cert-manager.io", kind: "Issuer", name: "linkerd-trust-anchor", namespace: "linkerd" },
          ...{ isKnown: true, isNamespaced: true, signs: ["linkerd-identity-issuer"] },
          issuer: { status: { conditions: [{ type: "Ready", status: "False" }] } },
          secret: {
            namespace: "linkerd",
            name: "anchor",
            exists: true,
            lacks: ["tls.key"],
            certificates: [cross],
          },
        },
      ],
      configured: {},
    },
    dataPlane: {
      pods: 1,
      externalWorkloads: 2,
      bundles: [
        { state: "current", sha256: "hash", anchors, skipped: 1, pods: [pod] },
        { state: "unknown", skipped: 0, reason: "pods is forbidden", pods: [pod] },
      ],
      leaves: [
        { pod, leaf: ended, intermediates: [parsed(issuer.certificate)], failedRefreshes: 1 },
        { pod, intermediates: [], failure: "it does not answer" },
      ],
      reports: { reports: [], failure: "Prometheus does not answer" },
    },
  };
}

suite("The JSON keeps to its schema", () => {
  test("of a mesh that is right", () => {
    assert.deepEqual(faultsOf(jsonOf(sound)), []);
  });

  test("of a mesh with everything in it, and wrong", async () => {
    const output = jsonOf(await full());
    assert.deepEqual(faultsOf(output), []);
    assert.equal(output.verdict, "problem");
    // Every property that the schema has is there at least once.
    const shown = JSON.stringify(output);
    const properties = [...text.matchAll(/^ +"(\w+)": \{$/gm)].map(([, name]) => name!);
    const ofSchema = new Set(["properties", "items", "certificate", "anchor", "nextRenewal"]);
    const absent = properties.filter((name) => !ofSchema.has(name) && !shown.includes(`"${name}":`));
    assert.deepEqual(absent, []);
  });

  test("which can be broken", () => {
    const output = jsonOf(sound);
    assert.notEqual(faultsOf({ ...output, verdict: "good" }).length, 0);
    assert.notEqual(faultsOf({ ...output, unknownProperty: 1 }).length, 0);
    assert.notEqual(faultsOf({ ...output, issuer: { ...output.issuer, notAfter: "soon" } }).length, 0);
  });
});
