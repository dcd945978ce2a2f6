/** An Issuer that signs with a key of Pulumi's, and the Secret in which it finds that. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { Issuer, type IssuerReference } from "./certManager.ts";
import { deleteAtOnce } from "./deletion.ts";

/** What it signs with. */
export interface CaKeyPair {
  /** Its certificate in PEM, and what follows that towards a root: cert-manager puts all but a root behind what it signs. */
  readonly certificatePem: pulumi.Input<string>;
  readonly privateKeyPem: pulumi.Input<string>;
}

/**
 * Makes a Secret of type `kubernetes.io/tls` and an Issuer of one name.
 *
 * @param dependsOn what is there before the Issuer and goes after it, such as cert-manager.
 */
export function caIssuer(
  name: string,
  metadata: { readonly name: string; readonly namespace: pulumi.Input<string> },
  { certificatePem, privateKeyPem }: CaKeyPair,
  { dependsOn = [], ...opts }: pulumi.CustomResourceOptions,
): IssuerReference {
  const secret = new kubernetes.core.v1.Secret(
    name,
    {
      metadata: { ...metadata, annotations: deleteAtOnce },
      type: "kubernetes.io/tls",
      stringData: { "tls.crt": certificatePem, "tls.key": privateKeyPem },
    },
    opts,
  );
  const spec = { ca: { secretName: secret.metadata.name } };
  return new Issuer(name, metadata, spec, { ...opts, dependsOn }).reference;
}
