import * as pulumi from "@pulumi/pulumi";
import { identityIssuerCommonName, identityIssuerName, identityIssuerUsages } from "../rules/linkerdNames.ts";
import { Certificate, type IssuerReference } from "./objects/certManager.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

export interface IdentityIssuerArgs
  extends Pick<ResolvedSettings, "trustDomain">,
    Pick<ResolvedSettings["identityIssuer"], "duration" | "renewBefore"> {
  /** Namespace of the control plane. */
  readonly namespace: pulumi.Input<string>;
  /** The cert-manager issuer that signs it. A change makes cert-manager issue it again. */
  readonly issuerRef: IssuerReference;
}

/**
 * The mesh's identity issuer: the intermediate CA with which Linkerd's identity controller signs every proxy's
 * certificate.
 *
 * Creates a cert-manager Certificate, and waits until it is Ready. cert-manager owns the Secret
 * `linkerd-identity-issuer`, and puts a new key and a new certificate there at each renewal, without Pulumi: the
 * kubelet carries them into the running controller, which loads them. The key never passes through Pulumi.
 */
export class IdentityIssuer extends pulumi.ComponentResource {
  /** Name of the Secret that cert-manager fills. */
  readonly secretName: pulumi.Output<string>;

  constructor(name: string, args: IdentityIssuerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:IdentityIssuer", name, {}, opts);
    const commonName = pulumi
      .all([args.namespace, args.trustDomain])
      .apply(([namespace, trustDomain]) => identityIssuerCommonName(namespace, trustDomain));

    const certificate = new Certificate(
      name,
      { name: identityIssuerName, namespace: args.namespace },
      {
        secretName: identityIssuerName,
        duration: args.duration,
        renewBefore: args.renewBefore,
        issuerRef: args.issuerRef,
        commonName,
        dnsNames: [commonName],
        isCA: true,
        // Linkerd signs with ECDSA P-256 alone: an issuer of another kind loads, and then every signature fails.
        // A new key at each renewal is said outright, since cert-manager's default for it has changed once.
        privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
        usages: identityIssuerUsages,
      },
      { parent: this, dependsOn: opts?.dependsOn ?? [] },
    );

    // By way of the Certificate, so that whoever uses it waits until cert-manager has filled the Secret of that name.
    this.secretName = certificate.metadata.name;
    this.registerOutputs({ secretName: this.secretName });
  }
}
