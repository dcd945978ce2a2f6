/** Every rule that settings and credentials must keep, each with its severity and its source. */
import type { Finding, Severity } from "./finding.ts";
import { printable } from "./printable.ts";

interface Rule {
  readonly severity: Severity;
  /** Where the rule comes from. */
  readonly source: string;
  /** Where Linkerd's identity controller accepts what the rule refuses: why it is refused all the same. */
  readonly stricter?: string;
}

const decode = "linkerd2 pkg/tls/codec.go";
const identity = "linkerd2 pkg/identity/service.go";
const certManagerTypes = "cert-manager pkg/apis/certmanager/v1/types_certificate.go";
const linkerdCheck = "linkerd2 pkg/issuercerts/issuercerts.go";
const verification = "Go crypto/x509 Verify, by which Linkerd's identity controller loads its issuer";
const fatalInCheck = "linkerd check fails with it, and linkerd install and upgrade refuse it.";
const otherAnchor = "it makes do with another anchor of the bundle, where one is fit.";

/** Rules about a stack's settings. */
const settingRules = {
  "stack-readable": {
    severity: "error",
    source: "pulumi config reads a stack's configuration; its file is YAML",
  },
  "setting-name": { severity: "error", source: "Pulumi.yaml lists every setting" },
  "setting-type": { severity: "error", source: "Pulumi.yaml declares every setting's type" },
  "setting-encrypted": { severity: "warning", source: "npm run check --config" },
  "provider-setting": { severity: "error", source: "this program makes its own Kubernetes provider" },
  "kubeconfig-path": {
    severity: "error",
    source: "Pulumi keeps a provider's inputs in its state",
  },

  "namespace-name": { severity: "error", source: "Kubernetes: RFC 1123, DNS label" },
  "distinct-namespaces": { severity: "error", source: "Kubernetes: a namespace's name is its own" },
  "domain-syntax": { severity: "error", source: "RFC 1123; it is part of every identity's DNS name" },
  "common-name-length": {
    severity: "error",
    source: "RFC 5280, appendix A.1, ub-common-name; cert-manager's webhook enforces it",
  },

  "duration-syntax": {
    severity: "error",
    source: "Go time.ParseDuration, by which cert-manager and Linkerd read durations",
  },
  "duration-minimum": { severity: "error", source: `${certManagerTypes} MinimumCertificateDuration` },
  "renew-before-minimum": { severity: "error", source: `${certManagerTypes} MinimumRenewBefore` },
  "renew-before-duration": {
    severity: "error",
    source: "cert-manager internal/apis/certmanager/validation/certificate.go ValidateDuration",
  },
  "renew-before-leaves": {
    severity: "error",
    source: "linkerd2 pkg/tls/ca.go clamps leaves to the issuer's end",
  },
  "webhook-outlives-authority": {
    severity: "error",
    source: "Go crypto/x509 Verify, by which the API server calls webhooks",
  },
  "issuance-lifetime": { severity: "error", source: "linkerd2 pkg/tls/ca.go" },
  "anchor-validity": {
    severity: "error",
    source: "the tls provider counts a validity in Go's time.Duration, which overflows in silence",
  },
  "anchor-renewal": {
    severity: "error",
    source:
      "linkerd2 controller/cmd/identity/main.go reads the anchors once, at its start; linkerd check warns of an anchor 60 days before its end",
  },
  "trust-anchor-source": {
    severity: "error",
    source: "this program knows these sources of the trust anchor",
  },
  "other-trust-anchor-source": {
    severity: "error",
    source: "this program: the setting has no effect with this source of the trust anchor",
  },
  "cluster-resource-namespace": {
    severity: "error",
    source: "cert-manager looks for a ClusterIssuer's Secret in its cluster resource namespace alone",
  },
  "anchor-generations": {
    severity: "error",
    source: "this program: generations count the anchors in the order of their making",
  },
  "signing-generation": { severity: "error", source: verification },
  "signing-key": { severity: "error", source: "cert-manager: a CA issuer signs with the key in its Secret" },
  "provided-generation": {
    severity: "error",
    source: "this program: an anchor that is not listed is in no bundle",
  },
  "provided-anchor": { severity: "error", source: "this program: each generation is one anchor" },

  "key-in-repository": {
    severity: "warning",
    source: "this program: a key in a repository belongs to all who read it, for good",
  },

  "setting-parts": { severity: "error", source: "Pulumi.yaml describes every setting's parts" },
  "identity-issuer-source": { severity: "error", source: "this program knows these sources of the issuer" },
  "other-identity-issuer-source": {
    severity: "error",
    source: "this program: the setting has no effect with this source of the issuer",
  },
  "one-issuer-source": { severity: "error", source: "cert-manager: a Certificate has one issuerRef" },
  "issuer-kind": { severity: "error", source: "cert-manager pkg/apis/certmanager/v1: Issuer, ClusterIssuer" },
  "vault-server": { severity: "error", source: "Vault: a token in the clear is anyone's" },
  "vault-path": {
    severity: "error",
    source: "Vault's pki: only sign-intermediate answers with an authority; linkerd2#6428, #10391",
  },
  "vault-auth": {
    severity: "error",
    source: "cert-manager pkg/issuer/vault/setup.go messageAuthFieldsRequired, messageMultipleAuthFieldsSet",
  },
  "vault-ca-bundle": { severity: "error", source: "cert-manager internal/vault: AppendCertsFromPEM" },

  "chart-name": { severity: "error", source: "helm install takes a chart in these ways" },
  "chart-repository": { severity: "error", source: "helm install --repo takes a URL" },
  "chart-version": { severity: "error", source: "helm install takes the newest chart without --version" },
  "chart-family": {
    severity: "error",
    source: "linkerd2 charts/: values changed their places at 2.10 and 2.12, and no chart has a schema",
  },
  "chart-value": {
    severity: "error",
    source: "linkerd2 charts/: no schema, so Helm drops what is not known",
  },
  "chart-feature": {
    severity: "error",
    source: "linkerd2 #6455 (externalCA, 2.11), charts/partials/templates/_validate.tpl (injectCaFrom, 2.12)",
  },
  "cni-proxy": {
    severity: "error",
    source: "linkerd.io, CNI Plugin: what is changed for linkerd install-cni is changed for the proxies, too",
  },
  "cni-release": {
    severity: "warning",
    source: "linkerd.io, Helm Chart Version Matrix: linkerd2-cni is published with the control plane",
  },
  "kubernetes-version": {
    severity: "error",
    source: "docs/versions.md: kubeVersion and the API versions of linkerd2's charts",
  },
  "gateway-api-owner": {
    severity: "error",
    source: "helm: an object belongs to one release, which its annotations name",
  },
  "gateway-api-removed": {
    severity: "error",
    source: "helm upgrade deletes what a chart no longer has, unless helm.sh/resource-policy is keep",
  },
  "gateway-api-absent": {
    severity: "warning",
    source: "linkerd check looks for the Gateway API's definitions",
  },
  "chart-login": { severity: "error", source: "helm install --username and --password go with --repo" },
  "helm-timeout": { severity: "error", source: "helm install --timeout" },
  "owned-value": { severity: "error", source: "this program sets it, and something else depends on it" },
} as const satisfies Readonly<Record<string, Rule>>;

/** Rules about certificates and keys. */
export const credentialRules = {
  "file-readable": { severity: "error", source: "npm run check" },
  "file-size": {
    severity: "error",
    source: "Kubernetes: a ConfigMap or Secret holds at most 1 MiB",
  },
  "pem-certificate": { severity: "error", source: decode },
  "pem-damaged": {
    severity: "error",
    source: decode,
    stricter:
      "it skips a damaged block in silence where a sound one follows; Go before 1.26 and OpenSSL skip others.",
  },
  "pem-end": { severity: "error", source: `${decode}; linkerd2#3414` },
  "pem-text": {
    severity: "warning",
    source: decode,
    stricter:
      "the hash by which meshed pods are compared covers every byte, and other readers of PEM differ here.",
  },
  "pem-line-ends": {
    severity: "warning",
    source: decode,
    stricter: "the hash by which meshed pods are compared covers every byte.",
  },
  "pem-private-key": {
    severity: "error",
    source: "Linkerd puts trust anchors into a ConfigMap and sends issuers to every proxy",
    stricter: "it skips the key and all that follows.",
  },
  "pem-type": {
    severity: "error",
    source: decode,
    stricter: "it ignores the block, and in silence every certificate after it.",
  },
  "pem-headers": {
    severity: "error",
    source: decode,
    stricter: "it ignores headers, where Linkerd's proxies and Go's own certificate pools do not.",
  },
  "pem-duplicate": { severity: "warning", source: decode, stricter: "it adds nothing but size." },
  "pem-blank-lines": {
    severity: "error",
    source: "RFC 7468, section 3",
    stricter: "it reads over blank lines inside a block, where OpenSSL does not.",
  },
  "certificate-readable": {
    severity: "error",
    source: `${decode}: Go crypto/x509 ParseCertificate`,
    stricter: "it reads some certificates that are not encoded as DER demands, and others do not.",
  },
  "anchor-algorithm": { severity: "error", source: linkerdCheck, stricter: fatalInCheck },
  "issuer-algorithm": {
    severity: "error",
    source: `${linkerdCheck}; linkerd2 pkg/tls/ca.go signs with ECDSA-SHA256 only`,
    stricter:
      "an RSA issuer loads and then fails at every signature; another curve works, but linkerd check fails.",
  },
  "intermediate-algorithm": {
    severity: "error",
    source: linkerdCheck,
    stricter: "it looks only at the first and the last certificate of the chain; proxies look at all.",
  },
  "signature-algorithm": { severity: "error", source: linkerdCheck, stricter: fatalInCheck },
  "is-ca": {
    severity: "error",
    source: `${identity}; ${verification}`,
    stricter: `${otherAnchor.slice(0, -1)}, and with a root of X.509 version 1, which cannot say what it is.`,
  },
  "key-usage": {
    severity: "error",
    source: verification,
    stricter: "it loads an issuer whose key may not sign certificates, and the leaves below it are invalid.",
  },
  "extended-key-usage": { severity: "error", source: verification, stricter: otherAnchor },
  "extended-key-usage-client": {
    severity: "error",
    source:
      "rustls-webpki, by which Linkerd's proxies verify each other as clients; OpenSSL heeds it in anchors, too",
    stricter: "it verifies for servers only.",
  },
  constraints: {
    severity: "error",
    source: verification,
    stricter: "it accepts constraints that allow the mesh's names; they are not evaluated here.",
  },
  "path-length": {
    severity: "error",
    source: "RFC 5280, section 4.2.1.9",
    stricter: "the issuer loads, and every leaf below it is invalid.",
  },
  "subject-name": {
    severity: "error",
    source: "RFC 5280, section 4.1.2.6",
    stricter:
      "it issues, and OpenSSL takes certificates below an issuer without a name for self-signed ones.",
  },
  "distinct-anchors": {
    severity: "error",
    source: "RFC 5280, section 4.1.2.6",
    stricter: "OpenSSL picks one of the anchors, and fails with what the other one signed.",
  },
  "distinct-issuer": {
    severity: "error",
    source: "RFC 5280, section 4.1.2.6; linkerd2#5350",
    stricter: "it issues, and OpenSSL refuses the leaves.",
  },
  chain: { severity: "error", source: verification },
  "chain-key-identifiers": {
    severity: "error",
    source: "RFC 5280, section 4.2.1.1",
    stricter: "OpenSSL does not chain certificates whose identifiers differ.",
  },
  "chain-order": {
    severity: "warning",
    source: "RFC 5246, section 7.4.2",
    stricter:
      "it takes the certificates after the issuer in any order, and sends all of them to every proxy.",
  },
  "not-yet-valid": { severity: "error", source: linkerdCheck, stricter: fatalInCheck },
  expired: {
    severity: "error",
    source: linkerdCheck,
    stricter: "an expired member of a bundle does no harm beside a valid one, but linkerd check fails.",
  },
  "anchor-outlives-issuer": {
    severity: "error",
    source: "linkerd2 pkg/tls/ca.go clamps leaves to the issuer's end, not to the anchor's",
    stricter: "it issues leaves that outlive their anchor.",
  },
  "issuer-outlives-leaves": {
    severity: "warning",
    source: "linkerd2 pkg/tls/ca.go",
    stricter: "it issues leaves that are shorter than they should be.",
  },
  "trust-domain": {
    severity: "warning",
    source: "linkerd2 up to 2.9.0 pkg/identity/service.go, and Linkerd's documentation",
    stricter: "newer ones look at no name of an issuer.",
  },
  "key-readable": {
    severity: "error",
    source: `${decode} DecodePEMKey`,
    stricter: "it reads some keys that are written as no program does, and believes no public half.",
  },
  "key-encrypted": { severity: "error", source: `${decode} DecodePEMKey` },
  "key-alone": {
    severity: "warning",
    source: `${decode} DecodePEMKey`,
    stricter: "it reads the first block and ignores the rest.",
  },
  "key-match": { severity: "error", source: "linkerd2 pkg/tls/cred.go ValidateAndCreateCreds" },
} as const satisfies Readonly<Record<string, Rule>>;

/** Rules about the Secret in which Linkerd finds its issuer. */
const secretRules = {
  "secret-keys": {
    severity: "error",
    source: "linkerd2 controller/cmd/identity/main.go reads tls.crt and tls.key; linkerd2#11972",
  },
  "cluster-readable": { severity: "error", source: "npm run check --secret" },
  "secret-ca-crt": {
    severity: "warning",
    source: `${linkerdCheck} FetchExternalIssuerData`,
    stricter: "it verifies by the mesh's own bundle.",
  },
} as const satisfies Readonly<Record<string, Rule>>;

const reload = "linkerd2 pkg/tls/creds_watcher.go";
const certificateStatus = "cert-manager pkg/apis/certmanager/v1/types_certificate.go CertificateStatus";

/** Rules about a mesh that runs: whether its credentials are renewed, and used. */
const meshRules = {
  "stored-certificate": {
    severity: "error",
    source: "linkerd2 charts: the control plane mounts these Secrets",
  },
  "certificate-issued": { severity: "error", source: `${certificateStatus} FailedIssuanceAttempts` },
  "certificate-ready": { severity: "error", source: `${certificateStatus} Conditions` },
  "certificate-renewed": { severity: "error", source: `${certificateStatus} RenewalTime` },
  "webhook-name": { severity: "error", source: "Kubernetes calls a webhook by the name of its Service" },
  "webhook-chain": {
    severity: "error",
    source: "Go crypto/x509 Verify, by which the API server calls webhooks",
  },
  "controller-running": { severity: "error", source: "linkerd2 charts: the Deployment linkerd-identity" },
  "controller-answers": { severity: "error", source: `${identity} Certify` },
  "controller-anchors": {
    severity: "error",
    source: "linkerd2 controller/cmd/identity/main.go reads the anchors once, at its start",
  },
  "issuer-loaded": { severity: "error", source: reload },
  "issuer-refused": { severity: "error", source: `${reload}: the event IssuerUpdateSkipped` },
} as const satisfies Readonly<Record<string, Rule>>;

export const rules = { ...settingRules, ...credentialRules, ...secretRules, ...meshRules };

/** Longer than any text of this program's own: so it is the values from outside that are cut. */
const longestTextCharacters = 1000;

/** The finding that a rule is broken. Values from outside may stand in its texts as they are. */
export function broken(
  name: keyof typeof rules,
  finding: Pick<Finding, "field" | "message" | "fix">,
): Finding {
  const { severity, source, stricter }: Rule = rules[name];
  return {
    rule: name,
    severity,
    field: printable(finding.field, longestTextCharacters),
    message: printable(finding.message, longestTextCharacters),
    fix: printable(finding.fix, longestTextCharacters),
    source: stricter === undefined ? source : `${source}. Stricter than the identity controller: ${stricter}`,
  };
}
