/**
 * Names that Linkerd, its charts and its documentation give to objects, and that nobody can choose.
 *
 * Sources: linkerd2 charts/linkerd-control-plane/templates, viz/charts/linkerd-viz/templates, controller/cmd/identity;
 * linkerd.io, "Automatically Rotating Control Plane TLS Credentials" and "… Webhook TLS Credentials".
 */

/** The Secret with the identity issuer, which identity mounts; its Certificate has the same name. */
export const identityIssuerName = "linkerd-identity-issuer";
/** The Issuer that has Vault sign, and the ServiceAccount with which it logs in if Vault trusts the cluster. */
export const vaultIssuerName = "linkerd-identity-vault";
/** The Secret, and its key, in which `linkerd install` keeps what it was given; Helm has no such one. */
export const configOverridesName = "linkerd-config-overrides";
/** The ConfigMap with the mesh's trust anchors, and its key. */
export const trustRootsName = "linkerd-identity-trust-roots";
export const trustRootsKey = "ca-bundle.crt";
/** The ConfigMap with those of them that are the cluster's own, where something keeps these apart from linked clusters'. */
export const localTrustRootsName = "linkerd-identity-trust-roots-local";
/** Annotation of the control plane's pods: hash of the bundle they were started with, if it is not the chart's own. */
export const trustRootsAnnotation = "checksum/identity-trust-roots";
/** Annotation of every meshed pod, from Linkerd 2.12 on: hash of the bundle that its proxy was started with. */
export const heldBundleAnnotation = "linkerd.io/trust-root-sha256";
/** Label of every meshed pod: the namespace of its control plane. */
export const controlPlaneLabel = "linkerd.io/control-plane-ns";
/** Annotation of every pod that has a proxy. */
export const proxyVersionAnnotation = "linkerd.io/proxy-version";
/** The proxy's container, and its variable with the trust anchors, which it reads once. */
export const proxyContainerName = "linkerd-proxy";
export const proxyAnchorsVariable = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS";
/** Secret, Issuer and Certificate of a trust anchor, and the outgoing one that trust-manager distributes beside it. */
export const trustAnchorName = "linkerd-trust-anchor";
export const previousTrustAnchorName = "linkerd-previous-anchor";
/** Of an anchor that cert-manager keeps, by Linkerd's documentation: the Issuer that makes it, and the ClusterIssuer that signs with it. */
export const trustRootIssuerName = "linkerd-trust-root-issuer";
export const identityClusterIssuerName = "linkerd-identity-issuer";

export const identityDeploymentName = "linkerd-identity";
export const crdsReleaseName = "linkerd-crds";

/** Label of a namespace whose objects the chart's webhooks leave alone, whatever its version. */
export const withoutWebhooks = { "config.linkerd.io/admission-webhooks": "disabled" };

/** A server that the API server calls: an admission webhook, or an extension of the API. */
export interface Webhook {
  /** Prefix of its values in Linkerd's chart, such as `proxyInjector`. */
  readonly valuesKey: string;
  /** Name of its Service, and of its Certificate. */
  readonly serviceName: string;
  /** Name of the Secret that its pods mount. */
  readonly secretName: string;
  /** The object whose `caBundle` says how the API server verifies it. */
  readonly configuration: {
    readonly kind: "Mutating" | "Validating" | "APIService";
    readonly name: string;
  };
}

function admissionWebhook(valuesKey: string, serviceName: string, kind: "Mutating" | "Validating"): Webhook {
  return {
    valuesKey,
    serviceName,
    secretName: `${serviceName}-k8s-tls`,
    configuration: { kind, name: `${serviceName}-webhook-config` },
  };
}

/** The webhooks of Linkerd's control plane. */
export const controlPlaneWebhooks: readonly Webhook[] = [
  admissionWebhook("proxyInjector", "linkerd-proxy-injector", "Mutating"),
  admissionWebhook("profileValidator", "linkerd-sp-validator", "Validating"),
  admissionWebhook("policyValidator", "linkerd-policy-validator", "Validating"),
];

/** The servers of the viz extension that the API server calls. */
export const vizWebhooks: readonly Webhook[] = [
  {
    valuesKey: "tap",
    serviceName: "tap",
    secretName: "tap-k8s-tls",
    configuration: { kind: "APIService", name: "v1alpha1.tap.linkerd.io" },
  },
  {
    ...admissionWebhook("tapInjector", "tap-injector", "Mutating"),
    configuration: { kind: "Mutating", name: "linkerd-tap-injector-webhook-config" },
  },
];

/** The Certificate and the Issuer of the webhooks' own authority, as Linkerd's documentation has them. */
export const webhookAuthorityName = "webhook-issuer";

/** The name by which the API server calls a webhook. */
export function webhookServerName(serviceName: string, namespace: string): string {
  return `${serviceName}.${namespace}.svc`;
}

/** The identity issuer's name in its mesh. */
export function identityIssuerCommonName(namespace: string, trustDomain: string): string {
  return `identity.${namespace}.${trustDomain}`;
}

/**
 * What the identity issuer's key is for, in cert-manager's words. Verification asks for `server auth` in the whole chain
 * as soon as an issuer lists extended usages at all.
 */
export const identityIssuerUsages: readonly string[] = [
  "cert sign",
  "crl sign",
  "server auth",
  "client auth",
];

/** A trust anchor's name in its mesh. Generations never share one: the first is `root`, later ones carry their number. */
export function trustAnchorCommonName(generation: number, trustDomain: string): string {
  return `root${suffixOf(generation)}.linkerd.${trustDomain}`;
}

/** Name of a generation's Secret and Issuer: `linkerd-trust-anchor`, and `linkerd-trust-anchor-<N>` from 2 on. */
export function trustAnchorObjectName(generation: number): string {
  return `${trustAnchorName}${suffixOf(generation)}`;
}

/** The generation whose anchor has a Secret of that name; `undefined` for any other name. */
export function anchorGeneration(objectName: string): number | undefined {
  const [, number = "1"] = new RegExp(`^${trustAnchorName}(?:-(\\d+))?$`).exec(objectName) ?? [undefined, ""];
  const generation = Number(number);
  return objectName === trustAnchorObjectName(generation) ? generation : undefined;
}

/** Name of the Secret and the Issuer with which a generation signs while older ones vouch for it. */
export function crossSignedName(generation: number): string {
  return `${trustAnchorObjectName(generation)}-cross-signed`;
}

/** Whether an Issuer of that name is one of a generation's two. */
export function isAnchorIssuerName(name: string): boolean {
  return new RegExp(`^${trustAnchorName}(?:-\\d+(?:-cross-signed)?)?$`).test(name);
}

function suffixOf(generation: number): string {
  return generation === 1 ? "" : `-${generation}`;
}
