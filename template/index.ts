/** Linkerd with control-plane TLS credentials that rotate by themselves. */
import * as kubernetes from "@pulumi/kubernetes";
import { RotatingLinkerd } from "linkerd-rotating-tls";
import { readConfiguration } from "linkerd-rotating-tls/config";
import { gates } from "linkerd-rotating-tls/gates";

// All of it is in Pulumi.<stack>.yaml, one file for each environment.
const { linkerd: settings, kubeconfig, kubeContext } = readConfiguration();

// They look at the cluster before anything of it is changed.
const { transforms, finish } = await gates({ kubeconfig, context: kubeContext }, settings);

const provider = new kubernetes.Provider("kubernetes", {
  // A trust anchor's Secret is changed in place: deleted and made again, it would leave the mesh without its signer.
  enableSecretMutable: true,
  // Empty, it is looked for as kubectl does; left out, $KUBECONFIG would be written into the stack.
  kubeconfig: kubeconfig ?? "",
  ...(kubeContext === undefined ? {} : { context: kubeContext }),
});

const linkerd = new RotatingLinkerd("linkerd", settings, { provider, transforms });

export const { trustBundlePem, trustAnchors } = linkerd;

// Last: a preview tells the engine of everything while the cluster answers.
await finish(linkerd);
