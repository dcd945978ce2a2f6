/** The program: Linkerd with credentials that rotate by themselves, on the cluster that the stack names. */
import * as kubernetes from "@pulumi/kubernetes";
import { RotatingLinkerd } from "../components/rotatingLinkerd.ts";
import { readConfiguration } from "./config.ts";
import { gates } from "./gates/index.ts";

const { linkerd: settings, kubeconfig, kubeContext } = readConfiguration();

// First: nothing is changed, the provider in the state not either, before the cluster has been looked at.
const { transforms, finish } = await gates({ kubeconfig, context: kubeContext }, settings);

const provider = new kubernetes.Provider("kubernetes", {
  // A trust anchor's Secret is changed in place: deleted and made again, it would leave the mesh without its signer.
  enableSecretMutable: true,
  // Not left out: the SDK would put $KUBECONFIG here, and the same stack would change from shell to shell. Empty, the
  // provider looks for it as kubectl does.
  kubeconfig: kubeconfig ?? "",
  ...(kubeContext === undefined ? {} : { context: kubeContext }),
});

const linkerd = new RotatingLinkerd("linkerd", settings, { provider, transforms });

/** The anchors that the mesh trusts: certificates in PEM, oldest generation first, no newline at the end. */
export const trustBundlePem = linkerd.trustBundlePem;

/** Each anchor's generation, name, SHA-256 fingerprint and validity, and whether it signs. */
export const trustAnchors = linkerd.trustAnchors;

/** Where cert-manager keeps the identity issuer. */
export const identityIssuerSecret = {
  namespace: linkerd.linkerdNamespace,
  name: linkerd.identityIssuerSecretName,
};

/** Versions of the charts that are installed; cert-manager's is absent if it is not installed here. */
export const chartVersions = {
  certManager: linkerd.certManagerChartVersion,
  linkerdCrds: linkerd.linkerdCrdsChartVersion,
  linkerdControlPlane: linkerd.linkerdControlPlaneChartVersion,
};

// Last: a preview tells the engine of everything while the cluster answers.
await finish(linkerd);
