import { createHash, X509Certificate } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as tls from "@pulumi/tls";
import { joinBundle } from "../rules/credentials/bundle.ts";
import { isLater } from "../rules/known.ts";
import { crossSignedName, trustAnchorCommonName, trustAnchorObjectName } from "../rules/linkerdNames.ts";
import { checkProvidedAnchor, crossCertificateSubject } from "../rules/settings/trustAnchor.ts";
import { CrossCertificate } from "./crossCertificate.ts";
import { caIssuer } from "./objects/caIssuer.ts";
import type { IssuerReference } from "./objects/certManager.ts";
import type { ProvidedTrustAnchor, ResolvedSettings } from "./rotatingLinkerdArgs.ts";
import { requireSound } from "./validation.ts";

export interface TrustAnchorArgs
  extends Pick<ResolvedSettings, "trustDomain">,
    Pick<ResolvedSettings["trustAnchor"], "validityPeriodHours" | "warnBefore"> {
  /** Namespace of its Secret and Issuer: the control plane's. */
  readonly namespace: pulumi.Input<string>;
  /** Which generation it is, from 1 on. Its names follow from it, and never change. */
  readonly generation: number;
  /** The certificate, and its key if it is to sign. Absent: both are made. */
  readonly provided?: ProvidedTrustAnchor | undefined;
  /** An older generation that vouches for this one. Absent: none does. */
  readonly vouchedForBy?: TrustAnchor | undefined;
  /** Whether this generation signs the identity issuer. */
  readonly signs: boolean;
}

/** What an anchor is, wherever it comes from. */
interface Pair {
  readonly certificatePem: pulumi.Output<string>;
  /** A secret. */
  readonly privateKeyPem: pulumi.Output<string> | undefined;
  /** Of its certificate; read only where it is needed. */
  readonly subject: () => pulumi.Input<tls.types.input.CertRequestSubject>;
}

/**
 * One generation of the mesh's trust anchor: an ECDSA P-256 root made by Pulumi, or one that is provided, and the
 * cert-manager Issuer that signs with it.
 *
 * Creates a random identifier, a key, a self-signed certificate, a Secret of type `kubernetes.io/tls`, and an Issuer; of
 * an anchor that is provided, no key and certificate, and without its key nothing but the identifier. Each generation
 * has its own of all of these, so that adding or removing one never touches another; a rotation adds the next
 * generation, which signs at once if the one before vouches for it, and then removes the one before.
 *
 * With an older generation that vouches for it, it has a cross certificate as well, and if it signs, a second Secret and
 * Issuer, which sign with that certificate: what stands in a CA's Secret never changes, since cert-manager would not issue
 * again for it; another Issuer makes it do so at once. The root itself is not in that Secret: cert-manager joins what is there by order
 * of its bytes, and fails on both together in most cases.
 *
 * The key is in Pulumi's state, encrypted, and in the Secret. No output holds it.
 *
 * Pass `protect: true`, and neither the key nor anything else of the anchor can be deleted or replaced: its loss
 * distrusts every certificate of the mesh. An anchor that is provided cannot be exchanged then; its certificate can
 * be renewed, with the same subject and key. Without an early renewal, Pulumi would replace the certificate on the first
 * `up` after its end, with the same subject and key; protection turns that into an error as well, which `--ignore-protect`
 * lets through.
 *
 * What `dependsOn` names, such as cert-manager, is there before the Issuer and goes after it.
 */
export class TrustAnchor extends pulumi.ComponentResource {
  readonly generation: number;
  /** Name of the Secret and of the Issuer: `linkerd-trust-anchor`, and `linkerd-trust-anchor-<N>` from 2 on. */
  readonly objectName: string;
  readonly certificatePem: pulumi.Output<string>;
  /** By which the older generation vouches for it; absent if none does. */
  readonly crossCertificatePem: pulumi.Output<string> | undefined;
  /**
   * Reference to the Issuer that signs with this anchor, with the cross certificate if there is one; absent for an anchor
   * that is provided without its key.
   */
  readonly issuerRef: IssuerReference | undefined;
  readonly #pair: Pair;
  /** The certificates that lead from this anchor to the oldest root that vouches for it; without one, its own root. */
  readonly #chain: pulumi.Output<string>[];

  constructor(name: string, args: TrustAnchorArgs, opts?: pulumi.ComponentResourceOptions) {
    // The arguments are not handed on: the children's inputs say the same, and the engine would store them twice.
    super("linkerd-rotating-tls:index:TrustAnchor", name, {}, opts);
    const child = { parent: this };
    this.generation = args.generation;
    this.objectName = trustAnchorObjectName(args.generation);

    this.#pair = args.provided === undefined ? this.#make(name, args) : this.#take(name, args.provided, args);
    const { certificatePem, privateKeyPem } = this.#pair;
    this.certificatePem = certificatePem;
    this.crossCertificatePem =
      args.vouchedForBy && this.#crossCertificate(`${name}-cross`, args, args.vouchedForBy);
    this.#chain =
      this.crossCertificatePem === undefined
        ? [certificatePem]
        : [this.crossCertificatePem, ...args.vouchedForBy!.#chain];

    if (privateKeyPem !== undefined) {
      const { namespace } = args;
      const dependent = { ...child, dependsOn: opts?.dependsOn ?? [] };
      const metadata = { name: this.objectName, namespace };
      const ownIssuer = caIssuer(name, metadata, { certificatePem, privateKeyPem }, dependent);
      this.issuerRef =
        args.signs && this.crossCertificatePem !== undefined
          ? caIssuer(
              `${name}-cross-signed`,
              { name: crossSignedName(this.generation), namespace },
              { certificatePem: pulumi.all(this.#chain).apply(joinBundle), privateKeyPem },
              { ...dependent, protect: false },
            )
          : ownIssuer;
    }

    this.registerOutputs({ certificatePem: this.certificatePem, issuerName: this.issuerRef?.name });
  }

  #make(name: string, args: TrustAnchorArgs): Pair {
    const child = { parent: this };
    const identifier = new random.RandomId(`${name}-subject`, { byteLength: 8 }, child);
    const key = new tls.PrivateKey(
      `${name}-key`,
      { algorithm: "ECDSA", ecdsaCurve: "P256" },
      // If the identifier may not be replaced, nothing is made that protection would then keep forever.
      { ...child, dependsOn: identifier },
    );
    const privateKeyPem = pulumi.secret(key.privateKeyPem);
    const subject = {
      commonName: pulumi
        .output(args.trustDomain)
        .apply((domain) => trustAnchorCommonName(args.generation, domain)),
      // Verifiers that find an issuer by its subject alone fail on two roots of one name; joined bundles of several
      // clusters would hold such.
      serialNumber: identifier.hex,
    };
    const certificate = new tls.SelfSignedCert(
      `${name}-certificate`,
      {
        privateKeyPem,
        subject,
        isCaCertificate: true,
        allowedUses: ["cert_signing", "crl_signing"],
        validityPeriodHours: args.validityPeriodHours,
      },
      child,
    );
    return { certificatePem: certificate.certPem, privateKeyPem, subject: () => subject };
  }

  #take(name: string, provided: ProvidedTrustAnchor, args: TrustAnchorArgs): Pair {
    const { certificatePem, privateKeyPem } = checked(provided, args);
    // With a different anchor, this one has to be replaced, which protection refuses before the Secret changes.
    const identifier = new random.RandomId(
      // The same name as in an anchor that is made, so that neither becomes the other.
      `${name}-subject`,
      { byteLength: 8, keepers: certificatePem.apply(subjectAndKeyOf) },
      { parent: this },
    );
    const behindIdentifier = (pem: pulumi.Output<string>) =>
      pulumi.all([pem, identifier.id]).apply(([text]) => text);
    return {
      certificatePem: behindIdentifier(certificatePem),
      privateKeyPem: privateKeyPem && behindIdentifier(privateKeyPem),
      subject: () => certificatePem.apply(crossCertificateSubject),
    };
  }

  /** The one that is provided, or one that is made with both keys. */
  #crossCertificate(name: string, { provided }: TrustAnchorArgs, signer: TrustAnchor): pulumi.Output<string> {
    if (provided?.crossCertificatePem !== undefined) {
      return pulumi.unsecret(pulumi.output(provided.crossCertificatePem)).apply((pem) => joinBundle([pem]));
    }
    const { subject, privateKeyPem } = this.#pair;
    const { certificatePem, privateKeyPem: signerKeyPem } = signer.#pair;
    if (privateKeyPem === undefined || signerKeyPem === undefined) {
      throw new Error(
        `A key is missing: generation ${signer.generation} cannot vouch for ${this.generation}.`,
      );
    }
    const args = {
      subject: subject(),
      privateKeyPem,
      signer: { certificatePem, privateKeyPem: signerKeyPem },
    };
    return new CrossCertificate(name, args, { parent: this }).certificatePem;
  }
}

/** What is provided, once it is known and sound: the certificate as it gets into the bundle, the key as a secret. */
function checked(
  { certificatePem, privateKeyPem }: ProvidedTrustAnchor,
  { generation }: TrustAnchorArgs,
): Omit<Pair, "subject"> {
  const parts = pulumi.all([certificatePem, privateKeyPem]).apply(([certificate, key]) => {
    // All else has been checked with the other settings.
    if (isLater(privateKeyPem)) {
      const findings = checkProvidedAnchor(String(generation), certificate, key);
      requireSound(findings.filter(({ field }) => field.endsWith(".privateKeyPem")));
    }
    return { certificate, key };
  });
  return {
    certificatePem: pulumi.unsecret(parts.apply(({ certificate }) => joinBundle([certificate]))),
    privateKeyPem: privateKeyPem === undefined ? undefined : pulumi.secret(parts.apply(({ key }) => key!)),
  };
}

/** By these, everyone tells an anchor from another: what one has signed, its renewed certificate verifies as well. */
function subjectAndKeyOf(certificatePem: string): Record<string, string> {
  const { subject, publicKey } = new X509Certificate(certificatePem);
  const der = publicKey.export({ type: "spki", format: "der" });
  return { subject, publicKeySha256: createHash("sha256").update(der).digest("hex") };
}
