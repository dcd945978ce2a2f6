import * as pulumi from "@pulumi/pulumi";
import { checkLifetimes } from "../rules/lifetimes/identityIssuer.ts";
import { Certificate, type IssuerReference } from "./objects/certManager.ts";
import { sound } from "./settings.ts";

/** Two days, as in Linkerd's own documentation: a stolen issuer key is worth little, and a missed renewal shows. */
export const defaultIssuerDuration = "48h";

/** An hour more than a leaf lives, so that every leaf of the outgoing issuer can live to its end. */
export const defaultIssuerRenewBefore = "25h";

/** Linkerd's own default. */
export const defaultIssuanceLifetime = "24h";

/** Linkerd's own default. */
export const defaultClockSkewAllowance = "20s";

/** Name of the Certificate and its Secret: Linkerd's identity controller mounts the Secret by this name. */
export const identityIssuerName = "linkerd-identity-issuer";

/** How long leaf certificates live. */
export interface LeafSettings {
  /**
   * Life of the certificate that a proxy gets, as a Go duration. Defaults to 24h. With `clockSkewAllowance` it must be
   * shorter than `issuerRenewBefore`.
   */
  readonly issuanceLifetime?: pulumi.Input<string> | undefined;
  /** By how much the clocks of the cluster may differ, as a Go duration. Defaults to 20s. */
  readonly clockSkewAllowance?: pulumi.Input<string> | undefined;
}

/** How the identity issuer lives. */
export interface IdentityIssuerSettings extends LeafSettings {
  /**
   * Life of the issuer's certificate, as a Go duration. Defaults to 48h; at least 1h (cert-manager), and longer than
   * `issuerRenewBefore`.
   */
  readonly issuerDuration?: pulumi.Input<string> | undefined;
  /**
   * Time before its end at which cert-manager renews it, as a Go duration. Defaults to 25h; at least 5m (cert-manager),
   * and longer than `issuanceLifetime` and `clockSkewAllowance` together.
   */
  readonly issuerRenewBefore?: pulumi.Input<string> | undefined;
}

/** What an identity issuer is made from. */
export interface IdentityIssuerArgs extends IdentityIssuerSettings {
  /** Namespace of the control plane. */
  readonly namespace: pulumi.Input<string>;
  /** The mesh's trust domain; part of the issuer's name. */
  readonly trustDomain: pulumi.Input<string>;
  /** The cert-manager issuer that signs it. A change makes cert-manager issue it anew. */
  readonly issuerRef: IssuerReference;
}

/**
 * The mesh's identity issuer: the intermediate CA by which Linkerd's identity controller signs every proxy's
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
    const lifetimes = sound(
      {
        issuerDuration: args.issuerDuration ?? defaultIssuerDuration,
        issuerRenewBefore: args.issuerRenewBefore ?? defaultIssuerRenewBefore,
        issuanceLifetime: args.issuanceLifetime ?? defaultIssuanceLifetime,
        clockSkewAllowance: args.clockSkewAllowance ?? defaultClockSkewAllowance,
      },
      checkLifetimes,
    );
    const commonName = pulumi
      .all([args.namespace, args.trustDomain])
      .apply(([namespace, trustDomain]) => issuerCommonName(namespace, trustDomain));

    const certificate = new Certificate(
      name,
      { name: identityIssuerName, namespace: args.namespace },
      {
        secretName: identityIssuerName,
        duration: lifetimes.issuerDuration,
        renewBefore: lifetimes.issuerRenewBefore,
        issuerRef: args.issuerRef,
        commonName,
        dnsNames: [commonName],
        isCA: true,
        // Linkerd signs with ECDSA P-256 alone: an issuer of another kind loads, and then every signature fails.
        // A new key at each renewal is said outright, since cert-manager's default for it has changed once.
        privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
        // Verification asks for `server auth` in the whole chain as soon as an issuer lists extended usages at all.
        usages: ["cert sign", "crl sign", "server auth", "client auth"],
      },
      { parent: this, ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) },
    );

    // By way of the Certificate, so that whoever uses it waits until cert-manager has filled the Secret of that name.
    this.secretName = certificate.metadata.name;
    this.registerOutputs({ secretName: this.secretName });
  }
}

/** The name by which the control plane's identity is known in its mesh. */
export function issuerCommonName(namespace: string, trustDomain: string): string {
  return `identity.${namespace}.${trustDomain}`;
}
