/** The components, for use in other programs; `RotatingLinkerd` composes all the others. */
export { CertManager, type CertManagerArgs } from "./certManager.ts";
export { ClusterTrustAnchor, type ClusterTrustAnchorArgs } from "./clusterTrustAnchor.ts";
export { IdentityIssuer, type IdentityIssuerArgs } from "./identityIssuer.ts";
export { LinkerdCni, type LinkerdCniArgs } from "./linkerdCni.ts";
export { LinkerdControlPlane, type LinkerdControlPlaneArgs } from "./linkerdControlPlane.ts";
export { LinkerdNamespace, type LinkerdNamespaceArgs } from "./linkerdNamespace.ts";
export { LinkerdViz, type LinkerdVizArgs } from "./linkerdViz.ts";
export { RotatingLinkerd, type RotatingLinkerdArgs } from "./rotatingLinkerd.ts";
export { TrustAnchor, type TrustAnchorArgs } from "./trustAnchor.ts";
export { TrustManager, type TrustManagerSettings } from "./trustManager.ts";
export { VaultIssuer, type VaultIssuerArgs } from "./vaultIssuer.ts";
export { WebhookCredentials, type WebhookCredentialsArgs } from "./webhookCredentials.ts";
