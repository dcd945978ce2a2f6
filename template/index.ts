/** Linkerd with control-plane TLS credentials that rotate by themselves. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { RotatingLinkerd } from "linkerd-rotating-tls";

const config = new pulumi.Config();

const provider = new kubernetes.Provider("kubernetes", {
  // A trust anchor's Secret is changed in place: deleted and made again, it would leave the mesh without its signer.
  enableSecretMutable: true,
  // Empty, it is looked for as kubectl does; left out, $KUBECONFIG would be written into the stack.
  kubeconfig: "",
  context: config.require("kubeContext"),
});

const linkerd = new RotatingLinkerd(
  "linkerd",
  { trustDomain: config.require("trustDomain"), clusterDomain: config.require("clusterDomain") },
  { provider },
);

export const { trustBundlePem, trustAnchors } = linkerd;
