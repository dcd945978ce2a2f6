import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { FoundRelease, Installation } from "../../../operations/adopt/find.ts";
import { adoptionOf } from "../../../operations/adopt/settings.ts";
import { authority, type Fabricated } from "../../certificates.ts";

const installer = "Pulumi stack organization/mesh/dev";
let root: Fabricated;
let other: Fabricated;

before(async () => {
  root = await authority({ commonName: "root.linkerd.cluster.local" });
  other = await authority({ commonName: "another root" });
});

const pemOf = ({ certificate }: Fabricated) => certificate.toString().trimEnd();
const key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";

const release = (name: string, version: string, values: object = {}): FoundRelease => ({
  name,
  status: "deployed",
  description: "Install complete",
  chart: { name, version },
  values,
  manifest: "",
  managers: ["helm"],
});

const controlPlane = (values: object = {}) => release("linkerd-control-plane", "2026.8.3", values);
const crds = release("linkerd-crds", "2026.8.3");

/** What Linkerd's page on rotating credentials has made. */
const page = (changes: Partial<Installation> = {}): Installation => ({
  namespace: "linkerd",
  keptAnchors: [{ generation: 1, certificatePem: pemOf(root), privateKeyPem: key }],
  bundlePem: pemOf(root),
  isDistributed: false,
  isInstalled: true,
  hasOperator: false,
  command: { values: {}, hasOverrides: false },
  trustDomain: "cluster.local",
  releases: [crds, controlPlane()],
  issuer: {
    by: "certificate",
    name: "linkerd-identity-issuer",
    isReady: true,
    issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "linkerd-trust-anchor" },
    duration: "48h0m0s",
    renewBefore: "25h0m0s",
    signsWith: "linkerd-trust-anchor",
  },
  hasCertManager: true,
  extensions: [],
  ...changes,
});

const byHand = (scheme: string, certificatePem = "issuer", privateKeyPem = "its key") =>
  ({ by: "hand", scheme, certificatePem, privateKeyPem }) as const;

const adoption = (
  found: Installation,
  anchorKeyPem?: string,
  given: Record<string, string> = {},
  inFile: Record<string, string> = {},
) =>
  adoptionOf(found, {
    anchorKeyPem,
    given: (name) => given[name],
    inFile: (name) => inFile[name],
    installer,
  });

const settings = (...args: Parameters<typeof adoption>): Record<string, unknown> =>
  Object.assign({}, ...adoption(...args).choices.map((choice) => choice.settings));

const obstacles = (found: Installation) =>
  adoption(found).obstacles.map(({ subject, message }) => `${subject}: ${message}`);

test("what the page has made keeps its anchor, its issuer's lifetimes, its versions, and its cert-manager", () => {
  assert.deepEqual(settings(page()), {
    createLinkerdNamespace: false,
    clusterDomain: "cluster.local",
    trustDomain: "cluster.local",
    providedTrustAnchors: { "1": { certificatePem: `${pemOf(root)}\n` } },
    issuerDuration: "48h0m0s",
    issuerRenewBefore: "25h0m0s",
    issuanceLifetime: "24h",
    clockSkewAllowance: "20s",
    rotateWebhookCredentials: false,
    installCertManager: false,
    linkerdControlPlaneChart: "linkerd-control-plane",
    linkerdControlPlaneChartVersion: "2026.8.3",
    linkerdCrdsChart: "linkerd-crds",
    linkerdCrdsChartVersion: "2026.8.3",
    linkerdChartRepository: "https://helm.linkerd.io/edge",
  });
  const { secrets, issuerSecret } = adoption(page());
  assert.deepEqual(secrets, [{ path: ["providedTrustAnchors", "1", "privateKeyPem"], value: key }]);
  assert.equal(issuerSecret, undefined);
});

test("values are carried over, but for those that settings stand for; private keys among them are encrypted", () => {
  const values = {
    clusterDomain: "example.org",
    identityTrustDomain: "mesh.example.org",
    identityTrustAnchorsPEM: pemOf(root),
    identity: { issuer: { scheme: "kubernetes.io/tls", issuanceLifetime: "12h", clockSkewAllowance: "10s" } },
    proxyInjector: { externalSecret: true, keyPEM: key, caBundle: "a" },
    nodeSelector: {},
    podLabels: { team: "mesh" },
  };
  const found = page({ releases: [crds, controlPlane(values)], trustDomain: "mesh.example.org" });
  const { clusterDomain, trustDomain, issuanceLifetime, clockSkewAllowance, ...rest } = settings(found);
  assert.deepEqual(
    [clusterDomain, trustDomain, issuanceLifetime, clockSkewAllowance],
    ["example.org", "mesh.example.org", "12h", "10s"],
  );
  assert.deepEqual(rest.linkerdControlPlaneValues, {
    proxyInjector: { externalSecret: true, caBundle: "a" },
    nodeSelector: {},
    podLabels: { team: "mesh" },
  });
  assert.deepEqual(
    adoption(found).secrets.map(({ path }) => path.join(".")),
    ["providedTrustAnchors.1.privateKeyPem", "linkerdControlPlaneValues.proxyInjector.keyPEM"],
  );
});

test("an issuer of someone else's stays theirs, and no key is asked for", () => {
  const issuerRef = { group: "awspca.cert-manager.io", kind: "AWSPCAClusterIssuer", name: "company" };
  const issuer = { ...page().issuer, issuerRef, signsWith: undefined } as Installation["issuer"];
  assert.deepEqual(settings(page({ issuer })).identityIssuerRef, issuerRef);
  assert.deepEqual(adoption(page({ issuer })).secrets, []);
  const elsewhere = { ...page().issuer, signsWith: "our-root" } as Installation["issuer"];
  assert.deepEqual(settings(page({ issuer: elsewhere })).identityIssuerRef, {
    kind: "Issuer",
    name: "linkerd-trust-anchor",
  });
  const own = { ...issuerRef, group: "cert-manager.io", kind: "ClusterIssuer" };
  assert.deepEqual(
    settings(page({ issuer: { ...issuer, issuerRef: own } as Installation["issuer"] })).identityIssuerRef,
    { kind: "ClusterIssuer", name: "company" },
  );
});

test("a key that would go nowhere is not taken", () => {
  assert.deepEqual(
    adoption(page(), key).obstacles.map(({ subject }) => subject),
    ["--trust-anchor-key"],
  );
});

test("what an interrupted adoption has upgraded already is this stack's, and no obstacle", () => {
  const releases = [{ ...crds, description: installer }, controlPlane()];
  assert.deepEqual(obstacles(page({ releases })), []);
});

test("an issuer that nobody renews goes to cert-manager with the anchor's key, and stays without it", () => {
  const found = page({ issuer: byHand("linkerd.io/tls") });
  const given = adoption(found, key);
  assert.equal(given.issuerSecret, "keep");
  assert.equal(settings(found, key).identityIssuerSource, undefined);
  assert.deepEqual(given.secrets, [{ path: ["providedTrustAnchors", "1", "privateKeyPem"], value: key }]);
  const without = adoption(found);
  assert.equal(without.issuerSecret, "convert");
  assert.equal(settings(found).identityIssuerSource, "secret");
  assert.deepEqual(without.secrets, []);
  assert.equal(adoption(page({ issuer: byHand("kubernetes.io/tls") })).issuerSecret, undefined);
});

test("what linkerd install has made without certificates of one's own is its anchor and its issuer in one, with the key", () => {
  const ofItsOwn = byHand("linkerd.io/tls", `${pemOf(root)}\n`, key);
  const rendering = { linkerd: "edge-26.8.3", manifest: "---\n{}\n", count: 1, unrecorded: [] };
  const values = {
    identityTrustAnchorsPEM: pemOf(root),
    identity: { issuer: { tls: { crtPEM: pemOf(root), keyPEM: key } } },
    proxyInit: { runAsRoot: true },
  };
  const command = { controlPlane: rendering, definitions: rendering, values, hasOverrides: true };
  const found = page({ releases: [], command, issuer: ofItsOwn, keptAnchors: [] });
  const adopted = adoption(found);
  assert.deepEqual(adopted.obstacles, []);
  assert.deepEqual(adopted.secrets, [{ path: ["providedTrustAnchors", "1", "privateKeyPem"], value: key }]);
  assert.equal(adopted.issuerSecret, "keep");
  assert.deepEqual(
    adopted.records.map(({ name }) => name),
    ["linkerd-crds", "linkerd-control-plane"],
  );
  assert.equal(settings(found).identityIssuerSource, undefined);
  assert.deepEqual(settings(found).linkerdControlPlaneValues, { proxyInit: { runAsRoot: true } });
  assert.match(adopted.left.join(), /^Secret linkerd\/linkerd-config-overrides, .*Delete it/);
  const given = page({ ...found, issuer: byHand("linkerd.io/tls", pemOf(other), key) });
  assert.deepEqual([adoption(given).secrets, adoption(given).issuerSecret], [[], "convert"]);
});

test("an anchor that trust-manager distributes stays on the cluster, and so does its key", () => {
  const issuerRef = { group: "cert-manager.io", kind: "ClusterIssuer", name: "linkerd-identity-issuer" };
  const clusterAnchor = {
    namespace: "cert-manager",
    isReady: true,
    secretName: "linkerd-trust-anchor",
    duration: "8760h",
    renewBefore: "7320h",
    hasBundle: true,
    hasPreviousKey: true,
  };
  const found = page({
    isDistributed: true,
    clusterAnchor,
    keptAnchors: [],
    issuer: { ...page().issuer, issuerRef, signsWith: undefined } as Installation["issuer"],
    releases: [
      crds,
      controlPlane({ identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } } }),
    ],
  });
  const {
    trustAnchorSource,
    identityIssuerRef,
    providedTrustAnchors,
    linkerdControlPlaneValues,
    issuerDuration,
  } = settings(found);
  assert.deepEqual([trustAnchorSource, issuerDuration], ["cluster", "48h0m0s"]);
  assert.deepEqual(
    [identityIssuerRef, providedTrustAnchors, linkerdControlPlaneValues],
    [undefined, undefined, undefined],
  );
  const { secrets, previousKeyIn } = adoption(found);
  assert.deepEqual([secrets, previousKeyIn], [[], "cert-manager"]);
  const without = { ...found, clusterAnchor: { ...clusterAnchor, hasPreviousKey: false } };
  assert.equal(adoption(without).previousKeyIn, undefined);
  const lost = { ...found, releases: [crds, { ...controlPlane(), description: installer }] };
  assert.deepEqual(adoption(lost), {
    choices: [],
    secrets: [],
    obstacles: [],
    left: [],
    records: [],
    replaced: [],
  });
});

test("a release by another name is adopted by the program's", () => {
  const found = page({ releases: [crds, { ...controlPlane(), name: "linkerd" }] });
  assert.deepEqual(obstacles(found), []);
  assert.deepEqual(adoption(found).replaced, ["linkerd"]);
  const others = { ...controlPlane(), name: "linkerd", description: "Pulumi stack o/p/prod" };
  assert.match(obstacles(page({ releases: [crds, others] })).join(), /It is of Pulumi stack o\/p\/prod/);
});

test("charts stay where the stack has them from: a mirror has their versions, an archive has its own", () => {
  const given = {
    linkerdControlPlaneChart: "oci://registry.example.com/linkerd-control-plane",
    linkerdCrdsChart: "./charts/linkerd-crds-2026.8.3.tgz",
  };
  const {
    linkerdControlPlaneChartVersion,
    linkerdControlPlaneChart,
    linkerdCrdsChart,
    linkerdCrdsChartVersion,
    ...rest
  } = settings(page(), undefined, given);
  assert.equal(linkerdControlPlaneChartVersion, "2026.8.3");
  assert.deepEqual(
    [linkerdControlPlaneChart, linkerdCrdsChart, linkerdCrdsChartVersion, rest.linkerdChartRepository],
    [undefined, undefined, undefined, undefined],
  );
  const stable = page({
    releases: [release("linkerd-crds", "1.8.0"), release("linkerd-control-plane", "1.16.11")],
  });
  assert.equal(settings(stable).linkerdChartRepository, "https://helm.linkerd.io/stable");
});

test("an archive of another version would be an upgrade, which is not for now", () => {
  const given = { linkerdControlPlaneChart: "./charts/linkerd-control-plane-2026.9.1.tgz" };
  for (const description of ["Install complete", installer]) {
    const found = page({ releases: [crds, { ...controlPlane(), description }] });
    const [obstacle, ...more] = adoption(found, undefined, given).obstacles;
    assert.deepEqual(more, []);
    assert.equal(obstacle!.subject, "linkerdControlPlaneChart");
    assert.match(obstacle!.message, /is of version 2026\.9\.1, and 2026\.8\.3 is installed/);
    const same = { linkerdControlPlaneChart: "./charts/linkerd-control-plane-2026.8.3.tgz" };
    assert.deepEqual(adoption(found, undefined, same).obstacles, []);
  }
});

test("definitions of the Gateway API that the chart has installed stay", () => {
  const definitions = {
    ...crds,
    manifest: "name: httproutes.gateway.networking.k8s.io",
    values: { installGatewayAPI: true, enableHttpRoutes: true, other: 1 },
  };
  const found = page({ releases: [definitions, controlPlane()] });
  assert.equal(settings(found).installGatewayApi, true);
  assert.deepEqual(settings(found).linkerdCrdsValues, { other: 1 });
  assert.equal(settings(page()).installGatewayApi, undefined);
});

test("what else Helm has installed goes on beside the stack, and a missing cert-manager is installed", () => {
  const found = page({ extensions: ["linkerd-viz/linkerd-viz"], hasCertManager: false, namespace: "mesh" });
  assert.match(adoption(found).left.join(), /linkerd-viz\/linkerd-viz goes on as it is/);
  assert.equal(settings(found).installCertManager, true);
  assert.equal(settings(found).linkerdNamespace, "mesh");
});

test("what cannot be taken over is named, all of it at once, and nothing else is said", () => {
  assert.match(
    obstacles(page({ isInstalled: false })).join(),
    /^Namespace linkerd: No Linkerd is installed there/,
  );
  const cases: readonly (readonly [Partial<Installation>, RegExp])[] = [
    [{ releases: [] }, /^Namespace linkerd: Linkerd is there, but nothing that this program knows/],
    [
      { releases: [crds, release("linkerd-enterprise-control-plane", "2.18.0")] },
      /\(but linkerd-crds of chart linkerd-crds, linkerd-enterprise-control-plane of chart linkerd-ent/,
    ],
    [{ releases: [controlPlane()] }, /no Helm release of the chart linkerd-crds/],
    [{ hasOperator: true }, /^TrustAnchorRotation: Buoyant's operator/],
    [
      { releases: [crds, { ...controlPlane(), status: "pending-upgrade" }] },
      /Its last revision is pending-upgrade/,
    ],
    [
      { releases: [crds, { ...controlPlane(), description: "Pulumi stack o/p/prod" }] },
      /It is of Pulumi stack o\/p\/prod/,
    ],
    [{ releases: [release("linkerd2", "2.9.0")] }, /older than Linkerd 2\.10/],
    [
      { isDistributed: true },
      /no Certificate linkerd-trust-anchor, and no Bundle linkerd-identity-trust-roots/,
    ],
    [{ bundlePem: `${pemOf(root)}\n${pemOf(other)}` }, /It holds 2 trust anchors/],
    [{ bundlePem: undefined }, /It holds no trust anchor/],
    [
      { bundlePem: "nothing" },
      /^ConfigMap linkerd\/linkerd-identity-trust-roots: A trust anchor is not a certificate/,
    ],
    [
      { keptAnchors: [{ generation: 1, certificatePem: pemOf(other), privateKeyPem: key }] },
      /^Secret linkerd\/linkerd-trust-anchor: It holds another certificate than the mesh trusts/,
    ],
    [
      { keptAnchors: [{ generation: 1, certificatePem: "", privateKeyPem: key }] },
      /^Secret linkerd\/linkerd-trust-anchor: /,
    ],
    [{ issuer: undefined }, /^Secret linkerd\/linkerd-identity-issuer: It does not exist/],
    [
      { issuer: { ...page().issuer, isReady: false } as Installation["issuer"] },
      /^Certificate linkerd\/linkerd-identity-issuer: It is not Ready/,
    ],
  ];
  for (const [changes, expected] of cases) {
    const told = obstacles(page(changes));
    assert.equal(told.length, 1, told.join("\n"));
    assert.match(told[0]!, expected);
    assert.deepEqual(adoption(page(changes)).choices, []);
  }
  assert.equal(obstacles(page({ isDistributed: true, issuer: undefined })).length, 2);
});

test("of a mesh of the stack's own, whose state is lost, the keys come from the cluster, and all else from the file", () => {
  const ours = { ...controlPlane(), description: installer };
  const anchor = (generation: number, fabricated: Fabricated) => ({
    generation,
    certificatePem: `${pemOf(fabricated)}\n`,
    privateKeyPem: key,
  });
  const found = page({ releases: [crds, ours], keptAnchors: [anchor(1, root)] });
  assert.deepEqual(settings(found), {
    providedTrustAnchors: { "1": { certificatePem: `${pemOf(root)}\n` } },
  });
  const retired = { ...found, keptAnchors: [anchor(1, root), anchor(2, other)] };
  assert.deepEqual(settings(retired), settings(found), "what is not in the bundle any more is left out");
  const issuerRef = { group: "cert-manager.io", kind: "Issuer", name: "linkerd-trust-anchor-2-cross-signed" };
  const rotating = {
    ...found,
    bundlePem: `${pemOf(root)}\n${pemOf(other)}`,
    keptAnchors: [anchor(1, root), { ...anchor(2, other), crossCertificatePem: "cross" }],
    issuer: { ...found.issuer, issuerRef } as Installation["issuer"],
  };
  assert.deepEqual(settings(rotating), {
    trustAnchorGenerations: [1, 2],
    signingGeneration: 2,
    providedTrustAnchors: {
      "1": { certificatePem: `${pemOf(root)}\n` },
      "2": { certificatePem: `${pemOf(other)}\n`, crossCertificatePem: "cross\n" },
    },
  });
  assert.deepEqual(
    adoption(rotating).secrets.map(({ path }) => path.join(".")),
    ["providedTrustAnchors.1.privateKeyPem", "providedTrustAnchors.2.privateKeyPem"],
  );
  const inFiles = {
    "1": { certificateFile: "root.pem", privateKeyFile: "root.key" },
    "2": { crossCertificateFile: "cross.pem", privateKeyPem: "given" },
  };
  const partly = adoption(rotating, undefined, { providedTrustAnchors: JSON.stringify(inFiles) });
  assert.deepEqual(partly.choices[0]!.settings.providedTrustAnchors, {
    "1": {},
    "2": { certificatePem: `${pemOf(other)}\n` },
  });
  assert.deepEqual(partly.secrets, []);
  assert.match(obstacles({ ...rotating, keptAnchors: [anchor(1, root)] }).join(), /only of 1 a Secret/);
  assert.match(obstacles({ ...found, isDistributed: true }).join(), /no Bundle/);
});
