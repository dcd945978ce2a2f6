/** How each bad change of docs/guardrails.md is made: of the program's own resources, in a test and in the engine. */
import { KeyObject } from "node:crypto";
import type { badChanges } from "../../docs/badChanges.ts";
import type { GuardrailName } from "../../policy/guardrails.ts";
import { type Resource, Unknown } from "../../policy/resource.ts";
import { type HelmValues, mergeValues } from "../../rules/charts/values.ts";
import { authority, type Fabricated, hoursFromNow, now } from "../certificates.ts";
import type { Values } from "../configured.ts";

/** What there is of a resource before it is registered. In the engine, a property may be an Output. */
export interface Registering {
  readonly type: string;
  readonly name: string;
  readonly properties: HelmValues;
}

/** What takes its place; `undefined` for a resource that stays as it is. */
type Change = (one: Registering) => { properties?: HelmValues; isProtected?: boolean } | undefined;

export interface Staging {
  /** Settings of the mesh. */
  readonly values?: Values;
  readonly change?: Change;
  /** A resource beside the mesh's own. */
  readonly add?: Registering;
  /** Outputs of the stack. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** What is known of an earlier run, and what is not known of this one. The engine needs a state for that. */
  readonly state?: (stack: readonly Resource[]) => Resource[];
}

/** Changes one resource: some of its properties, nested; one that is `undefined` goes. */
const on =
  (type: string, name: string, properties: HelmValues): Change =>
  (one) =>
    one.type.endsWith(type) && one.name === name
      ? { properties: mergeValues(one.properties, properties) }
      : undefined;
const unprotect =
  (name: string): Change =>
  (one) =>
    one.name === name ? { isProtected: false } : undefined;

const release = (values: HelmValues) => on(":Release", "linkerd-control-plane", { values });
const issuer = (spec: HelmValues) => on(":Certificate", "linkerd-identity-issuer", { spec });
const namespace = (metadata: HelmValues) => on(":Namespace", "linkerd-namespace", { metadata });

const [first, second, company] = (await Promise.all(
  ["first", "second", "company"].map((commonName) =>
    authority({ commonName, notBefore: now, notAfter: hoursFromNow(87_600) }),
  ),
)) as [Fabricated, Fabricated, Fabricated];
const lastingCross = await authority({
  commonName: "second",
  keys: second,
  signer: first,
  notBefore: now,
  notAfter: hoursFromNow(90_000),
});
const pemOf = ({ certificate }: Pick<Fabricated, "certificate">) => certificate.toString().trimEnd();
const keyOf = ({ privateKey }: Fabricated) =>
  KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }).toString();
const given = (...anchors: Fabricated[]) =>
  Object.fromEntries(
    anchors.map((one, index) => [index + 1, { certificatePem: pemOf(one), privateKeyPem: keyOf(one) }]),
  );

const one = { providedTrustAnchors: given(first) };
const generations = { trustAnchorGenerations: [1, 2] };
const both = { ...generations, providedTrustAnchors: given(first, second) };
const vouched = { ...generations, signingGeneration: 2 };
const onCluster = { trustAnchorSource: "cluster", installTrustManager: false };
const fromRepository = { linkerdControlPlaneChart: "linkerd-control-plane" };
const bundle = (...texts: string[]) => release({ identityTrustAnchorsPEM: texts.join("\n") });

const secret = (namespaceName: string, name: string, data: HelmValues): Registering => ({
  type: "kubernetes:core/v1:Secret",
  name: "copy",
  properties: { metadata: { namespace: namespaceName, name }, type: "kubernetes.io/tls", stringData: data },
});
const configMap = (properties: HelmValues): Registering => ({
  type: "kubernetes:core/v1:ConfigMap",
  name: "copy",
  properties: { metadata: { namespace: "shop", name: "anchor" }, ...properties },
});

/** Puts something in the place of what is known of some resources. */
const knowing =
  (known: Readonly<Record<string, HelmValues>>) =>
  (stack: readonly Resource[]): Resource[] =>
    stack.map((resource) => {
      const kind = `${resource.type.split(":").at(-1)} ${resource.name}`;
      const properties = known[kind] && mergeValues(resource.properties, known[kind]);
      return properties === undefined ? resource : { ...resource, properties };
    });
const isReady = { status: { conditions: [{ type: "Ready", status: "True" }] } };
const isNew = (generation: string) => ({
  [`TrustAnchor linkerd-trust-anchor${generation}`]: { certificatePem: new Unknown() },
  [`PrivateKey linkerd-trust-anchor${generation}-key`]: { publicKeyPem: new Unknown() },
  "Release linkerd-control-plane": {
    status: new Unknown(),
    values: { identityTrustAnchorsPEM: undefined },
  },
});

type Stagings = {
  readonly [Rule in GuardrailName]: Readonly<Record<keyof (typeof badChanges)[Rule], Staging>>;
};

export const stagings: Stagings = {
  "anchor-protected": {
    unprotected: { values: { protectTrustAnchors: false } },
    unprotectedKey: { change: unprotect("linkerd-trust-anchor-key") },
    unprotectedVoucher: { values: vouched, change: unprotect("linkerd-trust-anchor-certificate") },
    unprotectedBelowOthers: { values: { identityIssuerSource: "secret", protectTrustAnchors: false } },
    unprotectedOnCluster: { values: { ...onCluster, protectTrustAnchors: false } },
  },
  "anchor-made-once": {
    keyMadeAnew: {
      state: knowing({
        "Issuer linkerd-trust-anchor": isReady,
        "PrivateKey linkerd-trust-anchor-key": { publicKeyPem: new Unknown() },
      }),
    },
    otherRoot: {
      values: { ...one, protectTrustAnchors: false },
      state: knowing({
        "Issuer linkerd-trust-anchor": isReady,
        "RandomId linkerd-trust-anchor-subject": { hex: new Unknown() },
      }),
    },
  },
  "anchor-secret-stays": {
    notMutable: {
      change: on("pulumi:providers:kubernetes", "kubernetes", { enableSecretMutable: undefined }),
    },
  },
  "private-key-place": {
    keyInValues: { change: release({ identity: { issuer: { tls: { keyPEM: keyOf(company) } } } }) },
    keyInConfigMap: { add: configMap({ data: { "anchor.pem": `${pemOf(company)}\n${keyOf(company)}` } }) },
    keyInBase64: {
      add: configMap({ binaryData: { anchor: Buffer.from(` ${keyOf(company)}`).toString("base64") } }),
    },
  },
  "anchor-key-place": {
    keyAsOutput: { outputs: { anchorKey: keyOf(company) } },
    keyCopied: { values: one, add: secret("backup", "copy", { "tls.key": keyOf(first) }) },
    keyHandedOn: {
      state: (stack) => {
        const { urn, provider } = stack.find(({ name }) => name === "linkerd-trust-anchor-key")!;
        const copy = secret("backup", "copy", { "tls.key": new Unknown() });
        const madeFrom = { stringData: [urn] };
        return [...stack, { ...copy, urn: "copy", isProtected: false, madeFrom, provider }];
      },
    },
  },
  "tls-secret-place": {
    issuerWritten: { add: secret("linkerd", "linkerd-identity-issuer", { "tls.crt": pemOf(company) }) },
    anchorElsewhere: { add: secret("shop", "linkerd-trust-anchor", { "tls.crt": pemOf(company) }) },
  },
  "certificate-key": {
    notSaid: {
      change: on(":Certificate", "linkerd-webhooks-linkerd-sp-validator", {
        spec: { privateKey: { rotationPolicy: undefined } },
      }),
    },
    keptForEver: { change: issuer({ privateKey: { rotationPolicy: "Never" } }) },
    anchorsKeyKept: {
      values: onCluster,
      change: on(":Certificate", "linkerd-trust-anchor", {
        spec: { privateKey: { rotationPolicy: "Never" } },
      }),
    },
  },
  lifetimes: {
    renewedLate: { change: issuer({ renewBefore: "10h" }) },
    leavesOutlive: { change: release({ identity: { issuer: { issuanceLifetime: "48h" } } }) },
    anchorEnds: {
      change: on(":SelfSignedCert", "linkerd-trust-anchor-certificate", { validityPeriodHours: 72 }),
    },
    anchorShort: { values: { trustAnchorValidityPeriodHours: 2000 } },
    issuerLong: { values: { issuerDuration: "2000h" } },
    switchedByItself: {
      values: onCluster,
      change: on(":Certificate", "linkerd-trust-anchor", {
        spec: { duration: "8760h", renewBefore: "7320h" },
      }),
    },
  },
  bundle: {
    signerLeftOut: { values: one, change: bundle(pemOf(company)) },
    voucherLeftOut: { values: { ...both, signingGeneration: 2 }, change: bundle(pemOf(second)) },
    nextLeftOut: { values: both, change: bundle(pemOf(first)) },
    listedLeftOut: {
      values: { ...both, identityIssuerSource: "secret" },
      change: bundle(pemOf(first)),
    },
    strangerAdded: { values: one, change: bundle(pemOf(first), pemOf(company)) },
    damaged: { values: one, change: bundle(pemOf(first), "# the root of 2026") },
  },
  signer: {
    swapped: {
      values: { trustAnchorGenerations: [2], signingGeneration: 2 },
      state: knowing({ ...isNew("-2"), "Certificate linkerd-identity-issuer": isReady }),
    },
    signsAtOnce: {
      values: { ...vouched, crossSignTrustAnchors: false },
      state: knowing(isNew("-2")),
    },
    strangersWord: {
      values: vouched,
      change: on(":Secret", "linkerd-trust-anchor-2-cross-signed", {
        stringData: { "tls.crt": pemOf(company), "tls.key": keyOf(company) },
      }),
    },
    unlisted: { change: issuer({ issuerRef: { name: "linkerd-trust-anchor-3" } }) },
  },
  "cross-certificate-end": {
    outlivesRoot: {
      values: vouched,
      change: on(":LocallySignedCert", "linkerd-trust-anchor-2-cross", { validityPeriodHours: 90_000 }),
    },
    givenOutlivesRoot: {
      values: {
        ...vouched,
        providedTrustAnchors: {
          1: given(first)[1],
          2: { ...given(first, second)[2], crossCertificatePem: pemOf(lastingCross) },
        },
      },
    },
    endsEarly: {
      values: { ...both, signingGeneration: 2 },
      state: knowing({
        "LocallySignedCert linkerd-trust-anchor-2-cross": {
          certPem: new Unknown(),
          validityPeriodHours: 20,
        },
      }),
    },
  },
  "chart-credentials": {
    chartsOwn: { values: { rotateWebhookCredentials: false } },
    vizOwn: { values: { rotateWebhookCredentials: false, installLinkerdViz: true } },
    given: { change: release({ proxyInjector: { crtPEM: pemOf(company) } }) },
    issuerByChart: { change: release({ identity: { issuer: { scheme: "linkerd.io/tls" } } }) },
  },
  "webhook-authority": {
    noAuthority: { change: release({ profileValidator: { injectCaFrom: undefined } }) },
  },
  "chart-version": {
    range: {
      values: fromRepository,
      change: on(":Release", "linkerd-control-plane", { version: "^2026.8.0" }),
    },
    noVersion: {
      values: fromRepository,
      change: on(":Release", "linkerd-control-plane", { version: undefined }),
    },
  },
  "namespace-labels": {
    webhooksOn: { change: namespace({ labels: { "config.linkerd.io/admission-webhooks": undefined } }) },
    certManagersWebhooksOn: {
      change: on(":Namespace", "linkerd-cert-manager-namespace", {
        metadata: { labels: { "config.linkerd.io/admission-webhooks": undefined } },
      }),
    },
    injected: { change: namespace({ annotations: { "linkerd.io/inject": "enabled" } }) },
    restricted: { change: namespace({ labels: { "pod-security.kubernetes.io/enforce": "restricted" } }) },
  },
};
