/** The objects of Linkerd's page "Automatically Rotating Control Plane TLS Credentials", as one would write them down. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

const config = new pulumi.Config();

const certManagerNamespace = new kubernetes.core.v1.Namespace("cert-manager", {
  metadata: { name: "cert-manager" },
});

const certManager = new kubernetes.helm.v3.Release("cert-manager", {
  name: "cert-manager",
  namespace: certManagerNamespace.metadata.name,
  chart: config.require("certManagerChart"),
  values: { crds: { enabled: true } },
});

const namespace = new kubernetes.core.v1.Namespace("linkerd", { metadata: { name: "linkerd" } });

const key = new tls.PrivateKey("linkerd-trust-anchor", { algorithm: "ECDSA", ecdsaCurve: "P256" });

const trustAnchor = new tls.SelfSignedCert("linkerd-trust-anchor", {
  privateKeyPem: key.privateKeyPem,
  subject: { commonName: "root.linkerd.cluster.local" },
  isCaCertificate: true,
  allowedUses: ["cert_signing", "crl_signing"],
  validityPeriodHours: 87600,
});

const secret = new kubernetes.core.v1.Secret("linkerd-trust-anchor", {
  metadata: { name: "linkerd-trust-anchor", namespace: namespace.metadata.name },
  type: "kubernetes.io/tls",
  stringData: { "tls.crt": trustAnchor.certPem, "tls.key": key.privateKeyPem },
});

const issuer = new kubernetes.apiextensions.CustomResource(
  "linkerd-trust-anchor",
  {
    apiVersion: "cert-manager.io/v1",
    kind: "Issuer",
    metadata: { name: "linkerd-trust-anchor", namespace: namespace.metadata.name },
    spec: { ca: { secretName: secret.metadata.name } },
  },
  { dependsOn: certManager },
);

const certificate = new kubernetes.apiextensions.CustomResource(
  "linkerd-identity-issuer",
  {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: {
      name: "linkerd-identity-issuer",
      namespace: namespace.metadata.name,
      annotations: { "pulumi.com/waitFor": "condition=Ready" },
    },
    spec: {
      secretName: "linkerd-identity-issuer",
      duration: "48h",
      renewBefore: "25h",
      issuerRef: { name: issuer.metadata.name, kind: "Issuer" },
      commonName: "identity.linkerd.cluster.local",
      dnsNames: ["identity.linkerd.cluster.local"],
      isCA: true,
      privateKey: { algorithm: "ECDSA" },
      usages: ["cert sign", "crl sign", "server auth", "client auth"],
    },
  },
  { dependsOn: certManager },
);

const crds = new kubernetes.helm.v3.Release("linkerd-crds", {
  name: "linkerd-crds",
  namespace: namespace.metadata.name,
  chart: config.require("linkerdCrdsChart"),
});

new kubernetes.helm.v3.Release(
  "linkerd-control-plane",
  {
    name: "linkerd-control-plane",
    namespace: namespace.metadata.name,
    chart: config.require("linkerdControlPlaneChart"),
    values: {
      identityTrustAnchorsPEM: trustAnchor.certPem,
      identity: { issuer: { scheme: "kubernetes.io/tls" } },
    },
  },
  { dependsOn: [crds, certificate] },
);
