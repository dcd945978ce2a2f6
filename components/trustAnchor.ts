import { createHash, X509Certificate } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as tls from "@pulumi/tls";
import { joinBundle } from "../rules/credentials/bundle.ts";
import { isLater } from "../rules/known.ts";
import { trustAnchorCommonName, trustAnchorObjectName } from "../rules/linkerdNames.ts";
import { checkProvidedAnchor } from "../rules/settings/trustAnchor.ts";
import { Issuer, type IssuerReference } from "./objects/certManager.ts";
import { deleteAtOnce } from "./objects/deletion.ts";
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
}

/** What an anchor is, wherever it comes from. */
interface Pair {
  readonly certificatePem: pulumi.Output<string>;
  /** A secret. */
  readonly privateKeyPem: pulumi.Output<string> | undefined;
}

/**
 * One generation of the mesh's trust anchor: an ECDSA P-256 root made by Pulumi, or one that is provided, and the
 * cert-manager Issuer that signs with it.
 *
 * Creates a random identifier, a key, a self-signed certificate, a Secret of type `kubernetes.io/tls`, and an Issuer; of
 * an anchor that is provided, no key and certificate, and without its key nothing but the identifier. Each generation
 * has its own of all of these, so that adding or removing one never touches another; a rotation adds the next
 * generation to the bundle, lets it sign, and then removes the one before.
 *
 * The key is in Pulumi's state, encrypted, and in the Secret. No output holds it.
 *
 * Pass `protect: true`, and neither the key nor anything else of the anchor can be deleted or replaced: its loss
 * distrusts every certificate of the mesh. An anchor that is provided cannot be exchanged then; its certificate can
 * be renewed, with the same subject and key. Without an early renewal, Pulumi would replace the certificate on the first
 * `up` after its end; protection turns that into an error as well.
 *
 * What `dependsOn` names, such as cert-manager, is there before the Issuer and goes after it.
 */
export class TrustAnchor extends pulumi.ComponentResource {
  readonly generation: number;
  /** Name of the Secret and of the Issuer: `linkerd-trust-anchor`, and `linkerd-trust-anchor-<N>` from 2 on. */
  readonly objectName: string;
  readonly certificatePem: pulumi.Output<string>;
  /** Reference to the Issuer that signs with this anchor; absent for one that is provided without its key. */
  readonly issuerRef: IssuerReference | undefined;

  constructor(name: string, args: TrustAnchorArgs, opts?: pulumi.ComponentResourceOptions) {
    // The arguments are not handed on: the children's inputs say the same, and the engine would store them twice.
    super("linkerd-rotating-tls:index:TrustAnchor", name, {}, opts);
    const child = { parent: this };
    this.generation = args.generation;
    this.objectName = trustAnchorObjectName(args.generation);

    const { certificatePem, privateKeyPem } =
      args.provided === undefined ? this.#make(name, args) : this.#take(name, args.provided, args);
    this.certificatePem = certificatePem;

    if (privateKeyPem !== undefined) {
      const metadata = { name: this.objectName, namespace: args.namespace };
      const secret = new kubernetes.core.v1.Secret(
        name,
        {
          metadata: { ...metadata, annotations: deleteAtOnce },
          type: "kubernetes.io/tls",
          stringData: { "tls.crt": certificatePem, "tls.key": privateKeyPem },
        },
        child,
      );
      const issuer = new Issuer(
        name,
        metadata,
        { ca: { secretName: secret.metadata.name } },
        { ...child, dependsOn: opts?.dependsOn ?? [] },
      );
      this.issuerRef = issuer.reference;
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
    const certificate = new tls.SelfSignedCert(
      `${name}-certificate`,
      {
        privateKeyPem,
        subject: {
          commonName: pulumi
            .output(args.trustDomain)
            .apply((domain) => trustAnchorCommonName(args.generation, domain)),
          // Verifiers that find an issuer by its subject alone fail on two roots of one name; joined bundles of several
          // clusters would hold such.
          serialNumber: identifier.hex,
        },
        isCaCertificate: true,
        allowedUses: ["cert_signing", "crl_signing"],
        validityPeriodHours: args.validityPeriodHours,
      },
      child,
    );
    return { certificatePem: certificate.certPem, privateKeyPem };
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
    };
  }
}

/** What is provided, once it is known and sound: the certificate as it gets into the bundle, the key as a secret. */
function checked(
  { certificatePem, privateKeyPem }: ProvidedTrustAnchor,
  { generation }: TrustAnchorArgs,
): Pair {
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
