import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import type { RotatingLinkerd } from "../../components/index.ts";
import { deleteAtOnce } from "../../components/objects/deletion.ts";
import { waitForPatched } from "../../components/objects/patchedField.ts";
import { bundleSha256 } from "../../rules/credentials/bundle.ts";
import { trustRootsAnnotation } from "../../rules/linkerdNames.ts";
import { build, findingsOf, type Values } from "../configured.ts";
import { certificateOf, type Recorded, resolved } from "../registrations.ts";

const release = "kubernetes:helm.sh/v3:Release";
const secret = "kubernetes:core/v1:Secret";
const configMapPatch = "kubernetes:core/v1:ConfigMapPatch";
const issuer = "kubernetes:cert-manager.io/v1:Issuer";
const clusterIssuer = "kubernetes:cert-manager.io/v1:ClusterIssuer";
const certificate = "kubernetes:cert-manager.io/v1:Certificate";
const bundle = "kubernetes:trust.cert-manager.io/v1alpha1:Bundle";

const onCluster = (values: Values) => build({ trustAnchorSource: "cluster", ...values });

let installed: Recorded<RotatingLinkerd>;
beforeEach(async () => {
  installed = await onCluster({});
});

test("the names and places are those of Linkerd's documentation", () => {
  const nameOf = (type: string, name: string) => {
    const { metadata } = installed.find(type, name).inputs as {
      metadata: { name: string; namespace?: string };
    };
    return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  };
  assert.equal(nameOf(issuer, "linkerd-trust-anchor-self-signed"), "cert-manager/linkerd-trust-root-issuer");
  assert.equal(nameOf(certificate, "linkerd-trust-anchor"), "cert-manager/linkerd-trust-anchor");
  assert.equal(nameOf(secret, "linkerd-trust-anchor-previous"), "cert-manager/linkerd-previous-anchor");
  assert.equal(nameOf(clusterIssuer, "linkerd-trust-anchor"), "linkerd-identity-issuer");
  assert.equal(nameOf(certificate, "linkerd-identity-issuer"), "linkerd/linkerd-identity-issuer");
  assert.equal(nameOf(bundle, "linkerd-trust-anchor-bundle"), "linkerd-identity-trust-roots");
});

test("the anchor's Certificate is not renewed by itself, where cert-manager can be told so", async () => {
  const specOf = ({ find }: typeof installed) =>
    find(certificate, "linkerd-trust-anchor").inputs.spec as Record<string, unknown>;
  assert.deepEqual(specOf(installed), {
    secretName: "linkerd-trust-anchor",
    duration: "87600h",
    renewal: { policy: "Disabled" },
    issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "linkerd-trust-root-issuer" },
    commonName: "root.linkerd.cluster.local",
    isCA: true,
    privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
    usages: ["cert sign", "crl sign"],
  });
  const { renewal: _, ...rest } = specOf(installed);
  for (const older of [
    { certManagerChartVersion: "v1.21.0" },
    { certManagerChartVersion: pulumi.output("v1.20.3") },
    { installCertManager: false },
  ]) {
    assert.deepEqual(specOf(await onCluster(older)), { ...rest, renewBefore: "168h" });
  }
});

test("of an anchor that is there, nothing changes for which cert-manager would issue another one", () => {
  const { inputs, ignoreChanges } = installed.find(certificate, "linkerd-trust-anchor");
  const free = ["secretName", "renewBefore", "renewal"];
  // A change of this one is a replacement, which protect refuses.
  const replaces = ["duration"];
  for (const field of Object.keys(inputs.spec as object)) {
    assert.equal(
      ignoreChanges.includes(`spec.${field}`),
      !free.includes(field) && !replaces.includes(field),
      field,
    );
  }
});

test("the identity issuer is signed by the ClusterIssuer over the anchor's Secret", () => {
  assert.deepEqual(installed.find(clusterIssuer, "linkerd-trust-anchor").inputs.spec, {
    ca: { secretName: "linkerd-trust-anchor" },
  });
  const { spec } = installed.find(certificate, "linkerd-identity-issuer").inputs as {
    spec: { issuerRef: unknown };
  };
  assert.deepEqual(spec.issuerRef, {
    group: "cert-manager.io",
    kind: "ClusterIssuer",
    name: "linkerd-identity-issuer",
  });
});

test("the previous anchor has the certificate alone, and nothing of cert-manager's", async () => {
  const { inputs } = installed.find(secret, "linkerd-trust-anchor-previous");
  assert.deepEqual(inputs, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "linkerd-previous-anchor",
      namespace: "cert-manager",
      annotations: deleteAtOnce,
    },
    type: "kubernetes.io/tls",
    stringData: {
      secret: { "tls.crt": await certificateOf("linkerd-trust-anchor-certificate"), "tls.key": "" },
    },
  });
});

test("the bundle is of both, for namespaces with the label that ours has from the start", () => {
  assert.deepEqual(installed.find(bundle, "linkerd-trust-anchor-bundle").inputs.spec, {
    sources: [
      { secret: { name: "linkerd-trust-anchor", key: "tls.crt" } },
      { secret: { name: "linkerd-previous-anchor", key: "tls.crt" } },
    ],
    target: {
      configMap: { key: "ca-bundle.crt" },
      namespaceSelector: { matchLabels: { "linkerd.io/is-control-plane": "true" } },
    },
  });
  const namespace = installed.find("kubernetes:core/v1:Namespace", "linkerd-namespace").inputs as {
    metadata: { labels: Record<string, string> };
  };
  assert.equal(namespace.metadata.labels["linkerd.io/is-control-plane"], "true");
});

test("no anchor is made by Pulumi, and all of this one is protected", () => {
  for (const { type, name, parent, protect } of installed.registrations) {
    assert.doesNotMatch(type, /^(tls|random):/, name);
    assert.equal(protect, name === "linkerd-trust-anchor" || parent === "linkerd-trust-anchor", name);
  }
});

test("Helm waits for the ConfigMap's text, and its pods carry the hash of it", async () => {
  const { inputs, dependencies } = installed.find(release, "linkerd-control-plane");
  const values = inputs.values as Record<string, unknown>;
  const text = await certificateOf("linkerd-trust-anchor-certificate");
  assert.deepEqual(values.podAnnotations, { [trustRootsAnnotation]: bundleSha256(text) });
  assert.equal((values.identity as { externalCA: boolean }).externalCA, true);
  assert.ok(!("identityTrustAnchorsPEM" in values));
  assert.ok(dependencies.some((dependency) => dependency.includes("linkerd-trust-anchor-bundle")));
  const patch = installed.find(configMapPatch, "linkerd-trust-anchor-bundle");
  assert.deepEqual(patch.inputs.metadata, {
    name: "linkerd-identity-trust-roots",
    namespace: "linkerd",
    annotations: waitForPatched('.data["ca-bundle.crt"]'),
  });
});

test("trust-manager comes after cert-manager, and without public CAs", async () => {
  const { inputs, dependencies } = installed.find(release, "linkerd-trust-manager");
  assert.deepEqual(inputs.values, {
    defaultPackage: { enabled: false },
    app: { trust: { namespace: "cert-manager" } },
    crds: { enabled: true, keep: false },
  });
  assert.ok(dependencies.includes(`${release} linkerd-cert-manager`));
  const own = await onCluster({ installTrustManager: false });
  assert.ok(own.registrations.every(({ name }) => name !== "linkerd-trust-manager"));
});

test("the outputs tell the anchors that the cluster has", async () => {
  const [anchor, ...others] = await resolved(installed.result.trustAnchors);
  assert.deepEqual(others, []);
  assert.equal(anchor?.name, "linkerd-trust-anchor");
  assert.equal(anchor.signs, true);
  const text = await certificateOf("linkerd-trust-anchor-certificate");
  assert.equal(await resolved(installed.result.trustBundlePem), text.trim());
});

test("settings that another source of the anchor has are refused, each by its name", () => {
  for (const [settings, field, rule] of [
    [{ trustAnchorGenerations: [1, 2] }, "trustAnchorGenerations", "other-trust-anchor-source"],
    [{ signingGeneration: 2 }, "signingGeneration", "other-trust-anchor-source"],
    [{ trustAnchorValidityPeriodHours: 8760 }, "trustAnchorValidityPeriodHours", "other-trust-anchor-source"],
    [
      { trustAnchorSource: "stack", clusterTrustAnchorDuration: "10000h" },
      "clusterTrustAnchorDuration",
      "other-trust-anchor-source",
    ],
    [{ trustAnchorSource: "vault" }, "trustAnchorSource", "trust-anchor-source"],
    [
      { linkerdControlPlaneValues: { identity: { externalCA: false } } },
      "linkerdControlPlaneValues.identity.externalCA",
      "owned-value",
    ],
    [
      { linkerdControlPlaneValues: { identityTrustAnchorsPEM: "…" } },
      "linkerdControlPlaneValues.identityTrustAnchorsPEM",
      "owned-value",
    ],
    [
      { trustManagerValues: { app: { trust: { namespace: "elsewhere" } } } },
      "trustManagerValues.app.trust.namespace",
      "owned-value",
    ],
    [
      { certManagerValues: { clusterResourceNamespace: "elsewhere" } },
      "certManagerValues.clusterResourceNamespace",
      "cluster-resource-namespace",
    ],
    [
      {
        linkerdControlPlaneChart: "linkerd2",
        linkerdControlPlaneChartVersion: "2.10.2",
        rotateWebhookCredentials: false,
      },
      "trustAnchorSource",
      "chart-feature",
    ],
    [{ clusterTrustAnchorRenewBefore: "7320h" }, "clusterTrustAnchorRenewBefore", "anchor-renewal-off"],
    [{ clusterTrustAnchorDuration: "72h20s" }, "clusterTrustAnchorDuration", "anchor-outlives-issuer"],
    [
      {
        certManagerChartVersion: "v1.21.0",
        clusterTrustAnchorDuration: "8760h",
        clusterTrustAnchorRenewBefore: "7320h",
      },
      "clusterTrustAnchorRenewBefore",
      "anchor-renewal",
    ],
  ] as const) {
    const findings = findingsOf({ trustAnchorSource: "cluster", ...settings });
    assert.deepEqual(
      findings.map((finding) => [finding.field, finding.rule]),
      [[field, rule]],
    );
  }
  assert.deepEqual(
    findingsOf({
      trustAnchorSource: "cluster",
      trustAnchorGenerations: [1],
      signingGeneration: 1,
      certManagerValues: { clusterResourceNamespace: "cert-manager" },
    }),
    [],
  );
});
