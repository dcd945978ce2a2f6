import { X509Certificate } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

export interface CrossCertificateArgs {
  /** The subject of the generation's root. */
  readonly subject: pulumi.Input<tls.types.input.CertRequestSubject>;
  /** Its key in PEM, a secret. */
  readonly privateKeyPem: pulumi.Output<string>;
  /** Root and key of the generation that vouches for it. */
  readonly signer: {
    readonly certificatePem: pulumi.Output<string>;
    readonly privateKeyPem: pulumi.Output<string>;
  };
}

/**
 * The certificate by which one generation of the trust anchor vouches for the next one: that one's subject and key, signed
 * by its own key.
 *
 * Creates a certificate request and a certificate, which ends with the root that signs it. Its end is worked out when it is
 * made, so that later runs change nothing. Neither is protected, whatever the anchors are: they go before the older
 * generation does.
 *
 * Linkerd cuts every proxy's certificate short at the earliest end in the issuer's chain, and at the end of this one every
 * proxy fails, whichever roots it trusts (linkerd2 pkg/identity/service.go): a rotation has that deadline.
 */
export class CrossCertificate extends pulumi.ComponentResource {
  readonly certificatePem: pulumi.Output<string>;

  constructor(name: string, args: CrossCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:CrossCertificate", name, {}, { ...opts, protect: false });
    const child = { parent: this };
    const { subject, privateKeyPem, signer } = args;
    const request = new tls.CertRequest(`${name}-request`, { subject, privateKeyPem }, child);
    const certificate = new tls.LocallySignedCert(
      name,
      {
        certRequestPem: request.certRequestPem,
        caCertPem: signer.certificatePem,
        caPrivateKeyPem: signer.privateKeyPem,
        isCaCertificate: true,
        allowedUses: ["cert_signing", "crl_signing"],
        validityPeriodHours: signer.certificatePem.apply(hoursUntilEnd),
      },
      { ...child, ignoreChanges: ["validityPeriodHours"] },
    );
    this.certificatePem = certificate.certPem;
    this.registerOutputs({ certificatePem: this.certificatePem });
  }
}

/** Whole hours, and one less: what they are counted from begins a moment after this. */
function hoursUntilEnd(certificatePem: string): number {
  const left = new X509Certificate(certificatePem).validToDate.getTime() - Date.now();
  return Math.max(Math.floor(left / 3_600_000) - 1, 0);
}
