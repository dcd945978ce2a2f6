/** The rules about a stack's settings. */
import type { Rule } from "../finding.ts";

export const settingRules = {
  "stack-readable": {
    demand: "A stack's configuration, or its file, can be read.",
    fix: "Select a stack, or name one with --stack or its file with --config.",
    source: "pulumi config reads a stack's configuration; its file is YAML",
  },
  "setting-name": {
    demand: "Every key is one that Pulumi.yaml lists.",
    fix: "Remove it: pulumi config rm KEY",
    source: "Pulumi.yaml lists every setting",
  },
  "setting-type": {
    demand: "Every value has the type that Pulumi.yaml declares.",
    fix: "Look up its type, its meaning and its default in Pulumi.yaml.",
    source: "Pulumi.yaml declares every setting's type",
  },
  "setting-effect": {
    severity: "warning",
    demand: "Every setting that differs from its default has an effect.",
    fix: "Remove it, or change the setting that leaves it without effect.",
    source: "this program: nothing reads it with the other settings as they are",
  },
  "setting-parts": {
    demand: "An object has the parts that it needs, and no others.",
    fix: "Add what is missing, and remove what is unknown.",
    source: "Pulumi.yaml describes every setting's parts",
  },
  "setting-encrypted": {
    severity: "warning",
    demand: "A setting that other checks depend on is not encrypted.",
    fix: "Check the stack where it can be decrypted, with --stack; or leave the value unencrypted if it is no secret.",
    source: "npm run check --config",
  },
  "provider-setting": {
    demand: "The Kubernetes provider is configured by this program's own settings.",
    fix: "Remove the key, and set kubeconfig or kubeContext instead.",
    source: "this program makes its own Kubernetes provider",
  },
  "kubeconfig-path": {
    demand: "kubeconfig is the path of a file, not its text.",
    fix: "Write the text to a file, and set kubeconfig to the file's path.",
    source: "Pulumi keeps a provider's inputs in its state",
  },
  "key-in-repository": {
    severity: "warning",
    demand: "No private key lies in the repository.",
    fix: "Move the file out of the repository, and replace the anchor if its key was ever committed; or give the key as privateKeyPem, with pulumi config set --secret.",
    source:
      "this program: everyone who can read a repository has the keys in it, even after they are deleted",
  },

  "namespace-name": {
    demand: "A namespace's name is a DNS label: lower-case letters, digits and inner hyphens, at most 63.",
    fix: `Write it like "linkerd" or "team-a".`,
    source: "Kubernetes: RFC 1123, DNS label",
  },
  "reserved-namespace": {
    demand: "Nothing is installed into default, or into a namespace of Kubernetes' own.",
    fix: "Choose a namespace for it alone.",
    source: "Kubernetes: namespaces that begin with kube- are reserved",
  },
  "distinct-namespaces": {
    demand: "Namespaces that this program makes have different names.",
    fix: "Give each a name of its own.",
    source: "Kubernetes: a namespace's name is unique",
  },
  "domain-syntax": {
    demand: "A domain is lower-case labels of letters, digits and inner hyphens, joined by dots.",
    fix: `Write it like "cluster.local", without a dot at its end.`,
    source: "RFC 1123; it is part of every identity's DNS name",
  },
  "common-name-length": {
    demand: "A certificate's common name has at most 64 characters.",
    fix: "Choose a shorter name.",
    source: "RFC 5280, appendix A.1, ub-common-name; cert-manager's webhook enforces it",
  },

  "trust-anchor-source": {
    demand: "trustAnchor.source is stack or cluster.",
    fix: "Set it to stack to have Pulumi make and keep the trust anchor, or to cluster to have cert-manager do so.",
    source: "this program knows these sources of the trust anchor",
  },
  "other-trust-anchor-source": {
    demand: "Only settings of the chosen source of the trust anchor are set.",
    fix: "Remove the setting, or set trustAnchor.source to its source.",
    source: "this program: the setting has no effect with this source of the trust anchor",
  },
  "cluster-resource-namespace": {
    demand: "cert-manager's cluster resource namespace is the one with the trust anchor.",
    fix: "Remove the value: cert-manager's own namespace is its default.",
    source: "cert-manager looks for a ClusterIssuer's Secret only in its cluster resource namespace",
  },
  "anchor-generations": {
    demand: "Generations of the trust anchor are whole numbers from 1 on, each once, oldest first.",
    fix: "Write for example [1], or [1, 2] while the second generation replaces the first.",
    source: "this program: generations count the anchors in the order in which they are made",
  },
  "signing-generation": {
    demand: "The generation that signs is one of the trust anchor's generations.",
    fix: "Add it to the generations, or choose one of them.",
    source: "Go crypto/x509 Verify, with which Linkerd's identity controller loads its issuer",
  },
  "distrusted-generation": {
    demand: "A generation that is distrusted is listed, and older than the one that signs.",
    fix: "Let a newer generation sign: npm run -s rotate -- begin --distrust.",
    source: "Go crypto/x509 Verify, with which Linkerd's identity controller loads its issuer",
  },
  "signing-key": {
    demand: "The generation that signs has its private key.",
    fix: "Give its private key as a secret, or have another issuer sign: identityIssuer.issuerRef, identityIssuer.vault, or identityIssuer.source: secret.",
    source: "cert-manager: a CA issuer signs with the key in its Secret",
  },
  "provided-generation": {
    demand: "Every provided anchor is one of the trust anchor's generations.",
    fix: "Add its generation, or remove the anchor.",
    source: "this program: an anchor that is not listed is in no bundle",
  },
  "cross-certificate-made": {
    demand:
      "Pulumi's TLS provider can write the subject and the key identifier of a provided anchor that is vouched for.",
    fix: "Give its cross certificate, or let nobody vouch for it.",
    source:
      "Go crypto/x509 and rustls-webpki chain certificates by names in DER, OpenSSL by key identifiers as well",
  },
  "provided-anchor": {
    demand: "A provided anchor is a single certificate, and no other generation's.",
    fix: "Give each anchor a generation of its own; authorities below it belong to the issuer's chain.",
    source: "this program: each generation is one anchor",
  },

  "identity-issuer-source": {
    demand: "identityIssuer.source is certManager or secret.",
    fix: "Set it to certManager, or to secret if someone else writes the Secret linkerd-identity-issuer.",
    source: "this program knows these sources of the issuer",
  },
  "other-identity-issuer-source": {
    demand: "Only settings of the chosen source of the identity issuer are set.",
    fix: "Remove the setting, or set identityIssuer.source to certManager.",
    source: "this program: the setting has no effect with this source of the issuer",
  },
  "one-issuer-source": {
    demand: "One authority signs the identity issuer.",
    fix: "Keep one of the settings that name it, and remove the others.",
    source: "cert-manager: a Certificate has one issuerRef",
  },
  "issuer-kind": {
    demand: "An issuer of cert-manager's own is an Issuer or a ClusterIssuer.",
    fix: "Write one of the two, or set group to that of the external issuer.",
    source: "cert-manager pkg/apis/certmanager/v1: Issuer, ClusterIssuer",
  },
  "vault-server": {
    demand: "Vault's server is an https:// URL with nothing after its port.",
    fix: "Write it like https://vault.example.com:8200.",
    source: "Vault: anyone can use a token that is sent unencrypted",
  },
  "vault-path": {
    demand: "Vault's path starts with the mount's name, without v1, and ends in /sign-intermediate.",
    fix: "Write it like pki/root/sign-intermediate.",
    source:
      "Vault's pki: only sign-intermediate answers with an authority; linkerd2#6428, #10391; cert-manager internal/vault joins /v1 and the path",
  },
  "vault-auth": {
    demand: "cert-manager logs in to Vault in exactly one way.",
    fix: "Keep one of the methods, and put a token or a secret ID into a Secret that is named here.",
    source: "cert-manager pkg/issuer/vault/setup.go messageAuthFieldsRequired, messageMultipleAuthFieldsSet",
  },
  "vault-ca-bundle": {
    demand: "The CA bundle for Vault's server is certificates in PEM.",
    fix: "Set it to the certificates of the authorities that signed the server's.",
    source: "cert-manager internal/vault: AppendCertsFromPEM",
  },

  "credential-writer": {
    demand: "Each writer of guarded credentials is the name of a user or of a group.",
    fix: "Write it as the API server knows it: system:serviceaccount:<namespace>:<name> for a ServiceAccount, or what kubectl auth whoami prints.",
    source: "Kubernetes: userInfo of an admission request",
  },
} as const satisfies Readonly<Record<string, Rule>>;
