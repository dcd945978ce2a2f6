/** cert-manager's Issuer and Certificate, typed as far as they are used here. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { deleteAtOnce } from "./deletion.ts";

const group = "cert-manager.io";
const apiVersion = `${group}/v1`;

/** Which issuer signs, whatever its kind. */
export interface IssuerReference {
  readonly group: pulumi.Input<string>;
  readonly kind: pulumi.Input<string>;
  readonly name: pulumi.Input<string>;
}

type IssuerSpec =
  /** Signs with the CA certificate and key in this Secret. */
  | { readonly ca: { readonly secretName: pulumi.Input<string> } }
  /** Signs each certificate with the certificate's own key. */
  | { readonly selfSigned: Readonly<Record<string, never>> }
  /** Has a Vault sign. */
  | { readonly vault: object };

interface CertificateSpec {
  readonly secretName: pulumi.Input<string>;
  /** Go durations. */
  readonly duration: pulumi.Input<string>;
  readonly renewBefore: pulumi.Input<string | undefined>;
  /** Absent: cert-manager renews it. */
  readonly renewal?: pulumi.Input<{ readonly policy: string } | undefined>;
  readonly issuerRef: IssuerReference;
  readonly commonName: pulumi.Input<string>;
  readonly dnsNames?: readonly pulumi.Input<string>[];
  readonly isCA: boolean;
  readonly privateKey: {
    readonly algorithm: "ECDSA";
    readonly size: 256;
    readonly rotationPolicy: "Always" | "Never";
    /** How the key is written in PEM. cert-manager's own default is PKCS1, which for ECDSA means SEC 1. */
    readonly encoding?: "PKCS8";
  };
  readonly usages: readonly string[];
  /** What the Secret carries besides what cert-manager writes there. */
  readonly secretTemplate?: { readonly annotations: Readonly<Record<string, string>> };
}

/**
 * Makes the engine wait until cert-manager reports the object Ready; without it, a custom resource counts as ready as
 * soon as the API server has it.
 *
 * It holds for updates, too: the provider takes a condition only where its `observedGeneration` has reached the object's
 * generation, and cert-manager stamps each condition with the generation it has judged. A Certificate whose issuer or
 * lifetime has changed is Ready again only once its Secret was issued anew, since cert-manager compares both with the
 * request behind the Secret.
 */
const annotations = { "pulumi.com/waitFor": "condition=Ready", ...deleteAtOnce };

/**
 * A cert-manager Issuer: signs the Certificates of its namespace.
 *
 * Without a namespace it is a ClusterIssuer: signs those of every namespace; its Secret is in cert-manager's own.
 */
export class Issuer extends kubernetes.apiextensions.CustomResource {
  readonly reference: IssuerReference;

  constructor(
    name: string,
    metadata: { readonly name: pulumi.Input<string>; readonly namespace?: pulumi.Input<string> },
    spec: IssuerSpec,
    opts?: pulumi.CustomResourceOptions,
  ) {
    const kind = metadata.namespace === undefined ? "ClusterIssuer" : "Issuer";
    super(name, { apiVersion, kind, metadata: { ...metadata, annotations }, spec }, opts);
    this.reference = { group, kind, name: this.metadata.name };
  }
}

/** A cert-manager Certificate: keeps a Secret filled with a key and a certificate, and renews both in time. */
export class Certificate extends kubernetes.apiextensions.CustomResource {
  constructor(
    name: string,
    metadata: { readonly name: pulumi.Input<string>; readonly namespace: pulumi.Input<string> },
    spec: CertificateSpec,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super(name, { apiVersion, kind: "Certificate", metadata: { ...metadata, annotations }, spec }, opts);
  }
}
