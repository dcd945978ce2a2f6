import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { RotatingLinkerd } from "../../components/index.ts";
import { deleteAtOnce } from "../../components/objects/deletion.ts";
import { certificateFacts } from "../../rules/credentials/bundle.ts";
import { authority, hoursFromNow } from "../certificates.ts";
import { build, findingsOf, type Values } from "../configured.ts";
import { certificateOf, privateKeyOf, type Recorded, record, resolved } from "../registrations.ts";

const release = "kubernetes:helm.sh/v3:Release";
const namespace = "kubernetes:core/v1:Namespace";
const secret = "kubernetes:core/v1:Secret";
const issuer = "kubernetes:cert-manager.io/v1:Issuer";
const certificate = "kubernetes:cert-manager.io/v1:Certificate";
const mutatingPatch = "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfigurationPatch";
const validatingPatch = "kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfigurationPatch";
const locallySigned = "tls:index/locallySignedCert:LocallySignedCert";
const certificateMade = "tls:index/selfSignedCert:SelfSignedCert";

let installed: Recorded<RotatingLinkerd>;
beforeEach(async () => {
  installed = await build({});
});

/** Everything that is registered, but for the provider, as `<type> <name> in <parent>`. */
const listOf = ({ registrations }: Recorded<unknown>) =>
  registrations
    .filter(({ type }) => type !== "pulumi:providers:kubernetes")
    .map(({ type, name, parent }) => `${type} ${name} in ${parent}`)
    .sort();

const anchorObjects = (name: string) => [
  `${issuer} ${name} in ${name}`,
  `${secret} ${name} in ${name}`,
  `linkerd-rotating-tls:index:TrustAnchor ${name} in linkerd`,
  `random:index/randomId:RandomId ${name}-subject in ${name}`,
  `tls:index/privateKey:PrivateKey ${name}-key in ${name}`,
  `${certificateMade} ${name}-certificate in ${name}`,
];

const certManagerObjects = [
  `${namespace} linkerd-cert-manager-namespace in linkerd-cert-manager`,
  `${release} linkerd-cert-manager in linkerd-cert-manager`,
  "linkerd-rotating-tls:index:CertManager linkerd-cert-manager in linkerd",
];

const webhookServices = ["linkerd-proxy-injector", "linkerd-sp-validator", "linkerd-policy-validator"];

const webhookObjects = [
  "linkerd-rotating-tls:index:WebhookCredentials linkerd-webhooks in linkerd",
  `${issuer} linkerd-webhooks-self-signed in linkerd-webhooks`,
  `${issuer} linkerd-webhooks-authority in linkerd-webhooks`,
  `${certificate} linkerd-webhooks-authority in linkerd-webhooks`,
  ...webhookServices.map((service) => `${certificate} linkerd-webhooks-${service} in linkerd-webhooks`),
  `${mutatingPatch} linkerd-control-plane-linkerd-proxy-injector in linkerd-control-plane`,
  `${validatingPatch} linkerd-control-plane-linkerd-sp-validator in linkerd-control-plane`,
  `${validatingPatch} linkerd-control-plane-linkerd-policy-validator in linkerd-control-plane`,
];

const otherObjects = [
  ...webhookObjects,
  `${certificate} linkerd-identity-issuer in linkerd-identity-issuer`,
  `${namespace} linkerd-namespace in linkerd`,
  `${release} linkerd-control-plane in linkerd-control-plane`,
  `${release} linkerd-control-plane-crds in linkerd-control-plane`,
  "linkerd-rotating-tls:index:IdentityIssuer linkerd-identity-issuer in linkerd",
  "linkerd-rotating-tls:index:LinkerdControlPlane linkerd-control-plane in linkerd",
  "linkerd-rotating-tls:index:RotatingLinkerd linkerd in ",
];

test("exactly these resources are made", () => {
  assert.deepEqual(
    listOf(installed),
    [...anchorObjects("linkerd-trust-anchor"), ...certManagerObjects, ...otherObjects].sort(),
  );
});

test("every Kubernetes object comes from the provider that was passed", () => {
  for (const { type, name, provider } of installed.registrations) {
    if (type.startsWith("kubernetes:")) assert.equal(provider, "kubernetes", name);
  }
});

test("the namespace has Linkerd's labels and annotation", () => {
  assert.deepEqual(installed.find(namespace, "linkerd-namespace").inputs.metadata, {
    name: "linkerd",
    labels: {
      "linkerd.io/is-control-plane": "true",
      "config.linkerd.io/admission-webhooks": "disabled",
      "linkerd.io/control-plane-ns": "linkerd",
      "pod-security.kubernetes.io/enforce": "privileged",
    },
    annotations: { "linkerd.io/inject": "disabled" },
  });
});

test("the trust anchor's certificate", () => {
  assert.deepEqual(installed.find("tls:index/privateKey:PrivateKey", "linkerd-trust-anchor-key").inputs, {
    algorithm: "ECDSA",
    ecdsaCurve: "P256",
  });
  const { subject, ...inputs } = installed.find(certificateMade, "linkerd-trust-anchor-certificate").inputs;
  assert.deepEqual(inputs, {
    privateKeyPem: { secret: privateKeyOf("linkerd-trust-anchor-key") },
    isCaCertificate: true,
    allowedUses: ["cert_signing", "crl_signing"],
    validityPeriodHours: 87_600,
  });
  const { commonName, serialNumber } = subject as Record<string, string>;
  assert.equal(commonName, "root.linkerd.cluster.local");
  assert.match(serialNumber!, /^[0-9a-f]{16}$/);
});

test("the trust anchor's Secret and Issuer", async () => {
  assert.deepEqual(installed.find(secret, "linkerd-trust-anchor").inputs, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "linkerd-trust-anchor", namespace: "linkerd", annotations: deleteAtOnce },
    type: "kubernetes.io/tls",
    stringData: {
      secret: {
        "tls.crt": await certificateOf("linkerd-trust-anchor-certificate"),
        "tls.key": privateKeyOf("linkerd-trust-anchor-key"),
      },
    },
  });
  assert.deepEqual(installed.find(issuer, "linkerd-trust-anchor").inputs, {
    apiVersion: "cert-manager.io/v1",
    kind: "Issuer",
    metadata: {
      name: "linkerd-trust-anchor",
      namespace: "linkerd",
      annotations: { "pulumi.com/waitFor": "condition=Ready", ...deleteAtOnce },
    },
    spec: { ca: { secretName: "linkerd-trust-anchor" } },
  });
});

test("the identity issuer's Certificate", () => {
  assert.deepEqual(installed.find(certificate, "linkerd-identity-issuer").inputs, {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: {
      name: "linkerd-identity-issuer",
      namespace: "linkerd",
      annotations: { "pulumi.com/waitFor": "condition=Ready", ...deleteAtOnce },
    },
    spec: {
      secretName: "linkerd-identity-issuer",
      duration: "48h",
      renewBefore: "25h",
      issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "linkerd-trust-anchor" },
      commonName: "identity.linkerd.cluster.local",
      dnsNames: ["identity.linkerd.cluster.local"],
      isCA: true,
      privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
      usages: ["cert sign", "crl sign", "server auth", "client auth"],
    },
  });
});

test("the identity issuer's Secret is cert-manager's alone", () => {
  const secrets = installed.registrations.filter(({ type }) => type === secret);
  assert.deepEqual(
    secrets.map(({ name }) => name),
    ["linkerd-trust-anchor"],
  );
});

test("the releases", async () => {
  const common = { atomic: true, compat: "true", maxHistory: 10, timeout: 600 };
  assert.deepEqual(installed.find(release, "linkerd-cert-manager").inputs, {
    ...common,
    name: "cert-manager",
    namespace: "cert-manager",
    chart: "cert-manager",
    version: "v1.21.2",
    repositoryOpts: { repo: "https://charts.jetstack.io" },
    values: {
      config: { certificateRequestMaximumBackoffDuration: "1h" },
      crds: { enabled: true, keep: false },
      startupapicheck: { enabled: true },
      global: { leaderElection: { namespace: "cert-manager" } },
    },
  });
  const linkerd = {
    ...common,
    namespace: "linkerd",
    version: "2026.8.3",
    repositoryOpts: { repo: "https://helm.linkerd.io/edge" },
  };
  assert.deepEqual(installed.find(release, "linkerd-control-plane-crds").inputs, {
    ...linkerd,
    name: "linkerd-crds",
    chart: "linkerd-crds",
    values: { installGatewayAPI: false },
  });
  assert.deepEqual(installed.find(release, "linkerd-control-plane").inputs, {
    ...linkerd,
    name: "linkerd-control-plane",
    chart: "linkerd-control-plane",
    values: {
      clusterDomain: "cluster.local",
      identityTrustDomain: "cluster.local",
      identityTrustAnchorsPEM: (await certificateOf("linkerd-trust-anchor-certificate")).trim(),
      identity: {
        issuer: { scheme: "kubernetes.io/tls", issuanceLifetime: "24h", clockSkewAllowance: "20s" },
      },
      proxyInjector: { externalSecret: true, injectCaFrom: "linkerd/linkerd-proxy-injector" },
      profileValidator: { externalSecret: true, injectCaFrom: "linkerd/linkerd-sp-validator" },
      policyValidator: { externalSecret: true, injectCaFrom: "linkerd/linkerd-policy-validator" },
    },
  });
});

test("the webhooks' CA keeps its key, and signs for servers alone", () => {
  const specOf = (name: string) => find(name).inputs.spec as Record<string, unknown>;
  const find = (name: string) => installed.find(certificate, name);
  assert.deepEqual(specOf("linkerd-webhooks-authority"), {
    secretName: "webhook-issuer-tls",
    duration: "87600h",
    renewBefore: "43800h",
    issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "webhook-issuer-self-signed" },
    commonName: "webhooks.linkerd.svc",
    isCA: true,
    privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Never" },
    usages: ["cert sign", "crl sign"],
  });
  for (const service of webhookServices) {
    assert.deepEqual(specOf(`linkerd-webhooks-${service}`), {
      secretName: `${service}-k8s-tls`,
      duration: "24h",
      renewBefore: "8h",
      issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "webhook-issuer" },
      commonName: `${service}.linkerd.svc`,
      dnsNames: [`${service}.linkerd.svc`],
      isCA: false,
      privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always", encoding: "PKCS8" },
      usages: ["server auth"],
      secretTemplate: {
        annotations: { "helm.sh/resource-policy": "keep", "meta.helm.sh/release-name": "" },
      },
    });
  }
});

test("where the chart makes the webhooks' credentials, nothing of them is made here", async () => {
  const own = await build({ rotateWebhookCredentials: false });
  assert.deepEqual(
    listOf(own),
    listOf(installed).filter((line) => !webhookObjects.includes(line)),
  );
  const { values } = own.find(release, "linkerd-control-plane").inputs;
  assert.equal((values as Record<string, unknown>).proxyInjector, undefined);
});

test("values that would take a webhook's credentials from elsewhere are refused", () => {
  const linkerdControlPlaneValues = { proxyInjector: { caBundle: "…" } };
  const refused = findingsOf({ linkerdControlPlaneValues });
  assert.deepEqual(
    refused.map(({ rule, field }) => [rule, field]),
    [["owned-value", "linkerdControlPlaneValues.proxyInjector.caBundle"]],
  );
  assert.match(refused[0]!.fix, /rotateWebhookCredentials/);
  assert.deepEqual(findingsOf({ linkerdControlPlaneValues, rotateWebhookCredentials: false }), []);
});

test("a namespace that is too long for the webhooks' names is refused, where they are in certificates", () => {
  const linkerdNamespace = "n".repeat(36);
  const trustDomain = "a";
  const [refused, ...others] = findingsOf({ linkerdNamespace, trustDomain });
  assert.deepEqual([refused?.rule, refused?.field, others], ["common-name-length", "linkerdNamespace", []]);
  assert.deepEqual(findingsOf({ linkerdNamespace: "n".repeat(35), trustDomain }), []);
  assert.deepEqual(findingsOf({ linkerdNamespace, trustDomain, rotateWebhookCredentials: false }), []);
});

test("lifetimes of webhook certificates that cannot be are refused", () => {
  for (const [settings, rule, message] of [
    [{ webhookCertificateDuration: "59m" }, "duration-minimum", /^59m is shorter than 1h/],
    [{ webhookCertificateDuration: "43801h" }, "webhook-outlives-authority", /^43801h is longer than 43800h/],
    [
      { webhookCertificateRenewBefore: "24h" },
      "renew-before-duration",
      /^24h is not shorter than webhookCertificateDuration \(24h\)/,
    ],
    [{ webhookCertificateRenewBefore: "4m" }, "renew-before-minimum", /^4m is shorter than 5m/],
    [{ webhookCertificateRenewBefore: "soon" }, "duration-syntax", /"soon" is not a duration/],
  ] as const) {
    const finding = findingsOf(settings).find(({ field }) => field in settings);
    assert.equal(finding?.rule, rule);
    assert.match(finding.message, message);
  }
  assert.deepEqual(findingsOf({ webhookCertificateDuration: "43800h" }), []);
});

test("namespaces whose pods come up without the injector are left out of it; viz's are meshed", async () => {
  const { find } = await build({
    certManagerNamespace: "pki",
    installLinkerdCni: true,
    installLinkerdViz: true,
  });
  const labelOf = (name: string) => {
    const { metadata } = find(namespace, name).inputs as { metadata: { labels: Record<string, string> } };
    return metadata.labels["config.linkerd.io/admission-webhooks"];
  };
  for (const name of ["linkerd-namespace", "linkerd-cert-manager-namespace", "linkerd-cni-namespace"]) {
    assert.equal(labelOf(name), "disabled", name);
  }
  assert.equal(labelOf("linkerd-viz-namespace"), undefined);
});

test("each waits for what it needs, and so is removed before it", () => {
  const dependenciesOf = (type: string, name: string) => installed.find(type, name).dependencies;
  assert.deepEqual(dependenciesOf(namespace, "linkerd-namespace"), []);
  assert.deepEqual(dependenciesOf(release, "linkerd-cert-manager"), [
    `${namespace} linkerd-cert-manager-namespace`,
  ]);
  assert.ok(dependenciesOf(issuer, "linkerd-trust-anchor").includes(`${release} linkerd-cert-manager`));
  assert.ok(dependenciesOf(issuer, "linkerd-trust-anchor").includes(`${secret} linkerd-trust-anchor`));
  assert.ok(dependenciesOf(secret, "linkerd-trust-anchor").includes(`${namespace} linkerd-namespace`));
  assert.ok(
    dependenciesOf(certificate, "linkerd-identity-issuer").includes(`${issuer} linkerd-trust-anchor`),
  );
  assert.deepEqual(dependenciesOf(release, "linkerd-control-plane"), [
    `${certificate} linkerd-identity-issuer`,
    ...webhookServices.map((service) => `${certificate} linkerd-webhooks-${service}`).sort(),
    `${namespace} linkerd-namespace`,
    `${release} linkerd-control-plane-crds`,
    `${certificateMade} linkerd-trust-anchor-certificate`,
  ]);
});

test("everything of a trust anchor is protected, and nothing else", async () => {
  const protectedIn = ({ registrations }: Recorded<unknown>) =>
    registrations
      .filter(({ protect }) => protect)
      .map(({ type, name, parent }) => `${type} ${name} in ${parent}`);
  assert.deepEqual(protectedIn(installed).sort(), anchorObjects("linkerd-trust-anchor").sort());
  assert.deepEqual(protectedIn(await build({ protectTrustAnchors: false })), []);
});

test("where someone else signs, the only anchor is protected; of several, nothing here says which is needed", async () => {
  const guarded = async (trustAnchorGenerations: number[]) => {
    const { registrations } = await build({ identityIssuerSource: "secret", trustAnchorGenerations });
    return [...new Set(registrations.filter(({ protect }) => protect).map(({ parent }) => parent))];
  };
  assert.ok((await guarded([1])).includes("linkerd-trust-anchor"));
  assert.deepEqual(await guarded([1, 2]), []);
  assert.ok((await guarded([2])).includes("linkerd-trust-anchor-2"));
});

test("a second generation comes in without touching anything but the bundle", async () => {
  const grown = await build({ trustAnchorGenerations: [1, 2] });
  assert.deepEqual(listOf(grown), [...listOf(installed), ...anchorObjects("linkerd-trust-anchor-2")].sort());
  for (const registration of installed.registrations) {
    const { type, name } = registration;
    if (type === release && name === "linkerd-control-plane") continue;
    assert.deepEqual(grown.find(type, name), registration, `${type} ${name}`);
  }
  const [first, second] = await Promise.all([
    certificateOf("linkerd-trust-anchor-certificate"),
    certificateOf("linkerd-trust-anchor-2-certificate"),
  ]);
  const bundleIn = (recorded: Recorded<unknown>) => {
    const { values, ...others } = recorded.find(release, "linkerd-control-plane").inputs;
    const { identityTrustAnchorsPEM, ...otherValues } = values as Record<string, unknown>;
    return { identityTrustAnchorsPEM, rest: { ...others, otherValues } };
  };
  assert.deepEqual(bundleIn(grown).rest, bundleIn(installed).rest);
  assert.equal(bundleIn(grown).identityTrustAnchorsPEM, `${first.trim()}\n${second.trim()}`);
});

test("a later generation has a subject and names of its own", async () => {
  const { find } = await build({ trustAnchorGenerations: [1, 12] });
  const { subject } = find(certificateMade, "linkerd-trust-anchor-12-certificate").inputs;
  assert.equal((subject as Record<string, string>).commonName, "root-12.linkerd.cluster.local");
  for (const type of [secret, issuer]) {
    const { metadata } = find(type, "linkerd-trust-anchor-12").inputs;
    assert.equal((metadata as Record<string, string>).name, "linkerd-trust-anchor-12");
  }
});

test("another signing generation that nobody vouches for changes the Certificate's issuer and nothing else", async () => {
  const before = await build({ trustAnchorGenerations: [1, 2] });
  const after = await build({
    trustAnchorGenerations: [1, 2],
    signingGeneration: 2,
    crossSignTrustAnchors: false,
  });
  for (const registration of before.registrations) {
    const { type, name, inputs, parent } = registration;
    const generation = [name, parent].find((one) => /^linkerd-trust-anchor(-2)?$/.test(one));
    if (generation !== undefined) {
      // The mesh lives on what signs, and no longer on what neither signs nor vouches.
      const protect = generation === "linkerd-trust-anchor-2";
      assert.deepEqual(after.find(type, name), { ...registration, protect }, `${type} ${name}`);
      continue;
    }
    if (type !== certificate || name !== "linkerd-identity-issuer") {
      // Components take part in the order of things, too: the control plane's waits for the same Certificate.
      assert.deepEqual(after.find(type, name), registration, `${type} ${name}`);
      continue;
    }
    const changed = structuredClone(inputs) as { spec: { issuerRef: { name: string } } };
    changed.spec.issuerRef.name = "linkerd-trust-anchor-2";
    assert.deepEqual(after.find(type, name).inputs, changed);
  }
  assert.equal(after.registrations.length, before.registrations.length);
});

test("a generation that is distrusted stays, without protection, and leaves the bundle", async () => {
  const trusted = await build({
    trustAnchorGenerations: [1, 2],
    signingGeneration: 2,
    crossSignTrustAnchors: false,
  });
  const after = await build({
    trustAnchorGenerations: [1, 2],
    signingGeneration: 2,
    distrustedTrustAnchors: [1],
  });
  assert.deepEqual(listOf(after), listOf(trusted), "nothing vouches");
  assert.equal(after.find(certificateMade, "linkerd-trust-anchor-certificate").protect, false);
  const second = await certificateOf("linkerd-trust-anchor-2-certificate");
  const { values } = after.find(release, "linkerd-control-plane").inputs;
  assert.equal((values as Record<string, unknown>).identityTrustAnchorsPEM, second.trim());
});

const crossCertificate = (name: string) => [
  `linkerd-rotating-tls:index:CrossCertificate ${name}-cross in ${name}`,
  `tls:index/certRequest:CertRequest ${name}-cross-request in ${name}-cross`,
  `${locallySigned} ${name}-cross in ${name}-cross`,
];
const crossSigned = (name: string) => [
  `${issuer} ${name}-cross-signed in ${name}`,
  `${secret} ${name}-cross-signed in ${name}`,
];

test("a generation that the one before vouches for signs with its cross certificate, by an Issuer of its own", async () => {
  const before = await build({ trustAnchorGenerations: [1, 2] });
  const after = await build({ trustAnchorGenerations: [1, 2], signingGeneration: 2 });
  const name = "linkerd-trust-anchor-2";
  const added = [...crossCertificate(name), ...crossSigned(name)];
  assert.deepEqual(listOf(after), [...listOf(before), ...added].sort());
  for (const registration of before.registrations) {
    const { type, name: other, parent } = registration;
    if (other === "linkerd-identity-issuer") continue;
    const protect = registration.protect || [other, parent].includes(name);
    assert.deepEqual(after.find(type, other), { ...registration, protect }, `${type} ${other}`);
  }

  const { subject } = after.find(certificateMade, `${name}-certificate`).inputs;
  const request = after.find("tls:index/certRequest:CertRequest", `${name}-cross-request`);
  assert.deepEqual(request.inputs, { subject, privateKeyPem: { secret: privateKeyOf(`${name}-key`) } });
  const root = await certificateOf("linkerd-trust-anchor-certificate");
  const cross = after.find(locallySigned, `${name}-cross`);
  const { validityPeriodHours, ...inputs } = cross.inputs;
  assert.deepEqual(inputs, {
    certRequestPem: `request-of-${name}-cross-request`,
    caCertPem: root,
    caPrivateKeyPem: { secret: privateKeyOf("linkerd-trust-anchor-key") },
    isCaCertificate: true,
    allowedUses: ["cert_signing", "crl_signing"],
  });
  // The root is of this minute, and lives ten years.
  assert.ok([87_597, 87_598, 87_599].includes(validityPeriodHours as number), String(validityPeriodHours));
  assert.deepEqual(
    after.registrations.filter(
      ({ parent, name: own, protect }) => protect && `${parent} ${own}`.includes("cross"),
    ),
    [],
  );
  const certificatePem = await certificateOf(`${name}-cross`);
  assert.deepEqual(after.find(secret, `${name}-cross-signed`).inputs.stringData, {
    secret: {
      "tls.crt": `${certificatePem.trim()}\n${root.trim()}`,
      "tls.key": privateKeyOf(`${name}-key`),
    },
  });
  const { spec } = after.find(certificate, "linkerd-identity-issuer").inputs;
  assert.equal((spec as { issuerRef: { name: string } }).issuerRef.name, `${name}-cross-signed`);
  const [, status] = await resolved(after.result.trustAnchors);
  assert.deepEqual(status!.crossCertificate, { by: 1, ...certificateFacts(certificatePem) });
});

test("over two generations, both cross certificates stand in the Secret, and the oldest root", async () => {
  const { find, registrations } = await build({ trustAnchorGenerations: [1, 2, 3], signingGeneration: 3 });
  const [third, second] = ["linkerd-trust-anchor-3", "linkerd-trust-anchor-2"];
  const pems = await Promise.all(
    [`${third}-cross`, `${second}-cross`, "linkerd-trust-anchor-certificate"].map((one) =>
      certificateOf(one),
    ),
  );
  const { stringData } = find(secret, `${third}-cross-signed`).inputs;
  assert.deepEqual(stringData, {
    secret: {
      "tls.crt": pems.map((pem) => pem.trim()).join("\n"),
      "tls.key": privateKeyOf(`${third}-key`),
    },
  });
  assert.ok(!registrations.some(({ name }) => name === `${second}-cross-signed`));
});

test("a first generation that is gone takes all of its own along, and its word for the next", async () => {
  const before = await build({ trustAnchorGenerations: [1, 2], signingGeneration: 2 });
  const after = await build({ trustAnchorGenerations: [2], signingGeneration: 2 });
  const second = "linkerd-trust-anchor-2";
  const gone = [
    ...anchorObjects("linkerd-trust-anchor"),
    ...crossCertificate(second),
    ...crossSigned(second),
  ];
  assert.deepEqual(
    listOf(after),
    listOf(before).filter((line) => !gone.includes(line)),
  );
});

test("without cert-manager, nothing of it is made", async () => {
  const bare = await build({ installCertManager: false });
  assert.deepEqual(listOf(bare), [...anchorObjects("linkerd-trust-anchor"), ...otherObjects].sort());
  assert.equal(bare.result.certManagerChartVersion, undefined);
});

test("every name and lifetime is an input", async () => {
  const { find } = await build({
    linkerdNamespace: "mesh",
    certManagerNamespace: "certificates",
    webhookCertificateDuration: "2h",
    webhookCertificateRenewBefore: "30m",
    clusterDomain: "cluster.example.com",
    trustDomain: "mesh.example.com",
    trustAnchorValidityPeriodHours: 1000,
    issuerDuration: "1h",
    issuerRenewBefore: "59m30s",
    issuanceLifetime: "20m",
    clockSkewAllowance: "10s",
    helmTimeoutSeconds: 90,
    keepCertManagerCrds: true,
  });
  const metadataOf = (type: string, name: string) =>
    find(type, name).inputs.metadata as Record<string, unknown>;
  assert.equal(metadataOf(namespace, "linkerd-namespace").name, "mesh");
  assert.equal(metadataOf(secret, "linkerd-trust-anchor").namespace, "mesh");
  assert.equal(metadataOf(certificate, "linkerd-identity-issuer").namespace, "mesh");
  const { spec } = find(certificate, "linkerd-identity-issuer").inputs as { spec: Record<string, unknown> };
  assert.equal(spec.duration, "1h");
  assert.equal(spec.renewBefore, "59m30s");
  assert.equal(spec.commonName, "identity.mesh.mesh.example.com");
  const anchor = find(certificateMade, "linkerd-trust-anchor-certificate").inputs;
  assert.equal(anchor.validityPeriodHours, 1000);
  assert.equal((anchor.subject as Record<string, string>).commonName, "root.linkerd.mesh.example.com");
  const manager = find(release, "linkerd-cert-manager").inputs;
  assert.deepEqual(manager.values, {
    config: { certificateRequestMaximumBackoffDuration: "1h" },
    crds: { enabled: true, keep: true },
    startupapicheck: { enabled: true },
    global: { leaderElection: { namespace: "certificates" } },
  });
  const { timeout, namespace: where, values } = find(release, "linkerd-control-plane").inputs;
  assert.equal(timeout, 90);
  assert.equal(where, "mesh");
  assert.deepEqual(
    { ...(values as object), identityTrustAnchorsPEM: "" },
    {
      clusterDomain: "cluster.example.com",
      identityTrustDomain: "mesh.example.com",
      identityTrustAnchorsPEM: "",
      identity: {
        issuer: { scheme: "kubernetes.io/tls", issuanceLifetime: "20m", clockSkewAllowance: "10s" },
      },
      proxyInjector: { externalSecret: true, injectCaFrom: "mesh/linkerd-proxy-injector" },
      profileValidator: { externalSecret: true, injectCaFrom: "mesh/linkerd-sp-validator" },
      policyValidator: { externalSecret: true, injectCaFrom: "mesh/linkerd-policy-validator" },
    },
  );
  const webhook = find(certificate, "linkerd-webhooks-linkerd-proxy-injector").inputs as {
    spec: Record<string, unknown>;
  };
  assert.equal(webhook.spec.duration, "2h");
  assert.equal(webhook.spec.renewBefore, "30m");
  assert.equal(webhook.spec.commonName, "linkerd-proxy-injector.mesh.svc");
});

test("the trust domain follows the cluster's, where it is not set", async () => {
  const { find } = await build({ clusterDomain: "cluster.example.com" });
  const { values } = find(release, "linkerd-control-plane").inputs as { values: Record<string, unknown> };
  assert.equal(values.identityTrustDomain, "cluster.example.com");
});

test("the user's Helm values come in beside ours", async () => {
  const { find } = await build({
    linkerdControlPlaneValues: {
      controllerReplicas: 3,
      identity: { issuer: { scheme: "kubernetes.io/tls" } },
    },
    linkerdCrdsValues: { enableTcpRoutes: false },
    certManagerValues: {
      replicaCount: 2,
      config: { numberOfConcurrentWorkers: 9 },
      global: { leaderElection: { namespace: "kube-system" } },
    },
  });
  const valuesOf = (name: string) => find(release, name).inputs.values as Record<string, unknown>;
  assert.equal(valuesOf("linkerd-control-plane").controllerReplicas, 3);
  assert.ok(valuesOf("linkerd-control-plane").identityTrustAnchorsPEM);
  assert.deepEqual(valuesOf("linkerd-control-plane-crds"), {
    installGatewayAPI: false,
    enableTcpRoutes: false,
  });
  assert.deepEqual(valuesOf("linkerd-cert-manager"), {
    replicaCount: 2,
    config: { certificateRequestMaximumBackoffDuration: "1h", numberOfConcurrentWorkers: 9 },
    crds: { enabled: true, keep: false },
    startupapicheck: { enabled: true },
    global: { leaderElection: { namespace: "kube-system" } },
  });
});

test("outputs: the bundle, each anchor's facts, the issuer's place and the versions", async () => {
  const { result: linkerd } = await build({ trustAnchorGenerations: [1, 2], signingGeneration: 2 });
  const bundle = await resolved(linkerd.trustBundlePem);
  assert.match(bundle, /^-----BEGIN CERTIFICATE-----\n/);
  assert.match(bundle, /\n-----END CERTIFICATE-----$/);
  const anchors = await resolved(linkerd.trustAnchors);
  assert.deepEqual(
    anchors.map(({ generation, name, signs }) => ({ generation, name, signs })),
    [
      { generation: 1, name: "linkerd-trust-anchor", signs: false },
      { generation: 2, name: "linkerd-trust-anchor-2", signs: true },
    ],
  );
  for (const { fingerprintSha256, notBefore, notAfter } of anchors) {
    assert.match(fingerprintSha256, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    assert.ok(Date.parse(notBefore) < Date.parse(notAfter));
  }
  assert.equal(await resolved(linkerd.linkerdNamespace), "linkerd");
  assert.equal(await resolved(linkerd.identityIssuerSecretName), "linkerd-identity-issuer");
  assert.equal(await resolved(linkerd.certManagerChartVersion!), "v1.21.2");
  assert.equal(await resolved(linkerd.linkerdCrdsChartVersion!), "2026.8.3");
  assert.equal(await resolved(linkerd.linkerdControlPlaneChartVersion), "2026.8.3");
});

test("no key appears outside of a secret", () => {
  const withoutSecrets = JSON.stringify(installed.registrations, (_, value) =>
    typeof value === "object" && value !== null && "secret" in value ? "[secret]" : value,
  );
  assert.ok(!withoutSecrets.includes("PRIVATE KEY"));
  assert.ok(JSON.stringify(installed.registrations).includes("PRIVATE KEY"), "the search can find one");
});

test("settings that cannot be are refused before anything is registered, all together", async () => {
  let failure: unknown;
  const { registrations } = await record(() => {
    try {
      new RotatingLinkerd("linkerd", {
        identityIssuer: { renewBefore: "24h" },
        trustAnchor: { signing: 2 },
        certManager: { namespace: "linkerd" },
        controlPlane: { values: { identity: { issuer: { scheme: "linkerd.io/tls" } } } },
      });
    } catch (error) {
      failure = error;
    }
  });
  assert.ok(pulumi.RunError.isInstance(failure));
  assert.equal(
    (failure as Error).message,
    `4 settings are not right:
  certManager.namespace: "linkerd" is controlPlane.namespace as well, and a namespace cannot be made twice.
    Fix: Give each a namespace of its own.
    Rule: distinct-namespaces (Kubernetes: a namespace's name is unique)
  trustAnchor.signing: 2 is not among trustAnchor.generations [1]: no proxy would trust what it signs.
    Fix: Add it to trustAnchor.generations, or name a generation that is listed.
    Rule: signing-generation (Go crypto/x509 Verify, with which Linkerd's identity controller loads its issuer)
  identityIssuer.renewBefore: 24h is not longer than identityIssuer.issuanceLifetime (24h) and identityIssuer.clockSkewAllowance (20s) together: proxies would get certificates from an issuer that expires before they do.
    Fix: Make identityIssuer.renewBefore longer, or identityIssuer.issuanceLifetime shorter.
    Rule: renew-before-leaves (linkerd2 pkg/tls/ca.go limits leaves to the issuer's end)
  controlPlane.values.identity.issuer.scheme: This program sets this value to "kubernetes.io/tls"; it cannot be changed here.
    Fix: Remove it: cert-manager writes the issuer's Secret in this scheme.
    Rule: owned-value (this program sets it, and something else depends on it)`,
  );
  assert.deepEqual(
    registrations.map(({ type }) => type).filter((type) => !type.startsWith("linkerd-rotating-tls:")),
    [],
  );
});

test("settings may be Outputs", async () => {
  const { find } = await build({
    issuerRenewBefore: pulumi.output("26h"),
    trustDomain: pulumi.output("mesh.example.com"),
    linkerdNamespace: pulumi.output("mesh"),
    certManagerChartVersion: pulumi.output("v1.21.3"),
  });
  const { spec } = find(certificate, "linkerd-identity-issuer").inputs as { spec: Record<string, unknown> };
  assert.equal(spec.renewBefore, "26h");
  assert.equal(spec.commonName, "identity.mesh.mesh.example.com");
  assert.equal(find(release, "linkerd-cert-manager").inputs.version, "v1.21.3");
});

test("a common name that is too long is refused, and names the trust domain", async () => {
  const trustDomain = `${"a".repeat(50)}.local`;
  await assert.rejects(build({ trustDomain }), {
    message: `One setting is not right:
  trustDomain: The common name made from it, identity.linkerd.${trustDomain}, has 73 characters; a certificate allows at most 64.
    Fix: Choose a shorter name.
    Rule: common-name-length (RFC 5280, appendix A.1, ub-common-name; cert-manager's webhook enforces it)`,
  });
});

test("every object of its own goes at once when it is deleted, whatever the settings", async () => {
  for (const settings of [
    {},
    { trustAnchorSource: "cluster" },
    {
      vaultIssuer: {
        server: "https://vault.example.com:8200",
        path: "pki/root/sign-intermediate",
        auth: { kubernetes: { role: "linkerd" } },
      },
    },
    { installLinkerdViz: true, installLinkerdCni: true, guardCredentials: true },
  ]) {
    const objects = (await build(settings)).registrations.filter(
      // A namespace goes after what is in it, and a patch leaves its object.
      ({ type }) => /^kubernetes:/.test(type) && !/:(Namespace|Release|\w+Patch)$/.test(type),
    );
    assert.ok(objects.length > 0);
    for (const { type, name, inputs } of objects) {
      const { annotations } = inputs.metadata as { annotations?: Record<string, string> };
      assert.equal(annotations?.["pulumi.com/deletionPropagationPolicy"], "background", `${type} ${name}`);
    }
  }
});

test("an anchor that ends soon is warned of, wherever it is kept, and one that is given is warned of once", async (context) => {
  const log = context.mock.method(pulumi.log, "warn", async () => {});
  const warned = async (settings: Values) => {
    log.mock.resetCalls();
    await resolved((await build(settings)).result.trustAnchors);
    return log.mock.calls.map((call) => String(call.arguments[0]).replace(/ ends at .*/s, ""));
  };
  assert.deepEqual(await warned({}), []);
  const ending = await authority({ commonName: "ends", notAfter: hoursFromNow(120) });
  const certificatePem = ending.certificate.toString();
  const given = { providedTrustAnchors: { 1: { certificatePem } }, identityIssuerSource: "secret" };
  const of = 'trustAnchor.provided.1.certificatePem: The anchor "ends"';
  assert.deepEqual(await warned(given), [of]);
  const later = { 1: { certificatePem: pulumi.output(certificatePem) } };
  assert.deepEqual(await warned({ ...given, providedTrustAnchors: later }), [of]);
  context.mock.timers.enable({ apis: ["Date"], now: hoursFromNow(87_000) });
  assert.deepEqual(await warned({ trustAnchorGenerations: [1, 2] }), [
    "trustAnchor.generations: The anchor linkerd-trust-anchor",
    "trustAnchor.generations: The anchor linkerd-trust-anchor-2",
  ]);
  assert.deepEqual(await warned({ trustAnchorSource: "cluster" }), [
    "trustAnchor.source: The anchor linkerd-trust-anchor",
  ]);
  assert.deepEqual(await warned({ trustAnchorWarnBefore: "100h" }), []);
});
