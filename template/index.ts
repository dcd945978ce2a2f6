/** Linkerd with control-plane TLS credentials that rotate by themselves. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { RotatingLinkerd } from "linkerd-rotating-tls";
import { gates } from "linkerd-rotating-tls/gates";

const config = new pulumi.Config();

const context = config.require("kubeContext");
const settings = {
  trustDomain: config.require("trustDomain"),
  clusterDomain: config.require("clusterDomain"),
};

// They look at the cluster before anything of it is changed.
const { transforms, finish } = await gates({ context }, settings);

const provider = new kubernetes.Provider("kubernetes", {
  // A trust anchor's Secret is changed in place: deleted and made again, it would leave the mesh without its signer.
  enableSecretMutable: true,
  // Empty, it is looked for as kubectl does; left out, $KUBECONFIG would be written into the stack.
  kubeconfig: "",
  context,
});

const linkerd = new RotatingLinkerd("linkerd", settings, { provider, transforms });

export const { trustBundlePem, trustAnchors } = linkerd;

// Last: a preview tells the engine of everything while the cluster answers.
await finish(linkerd);
