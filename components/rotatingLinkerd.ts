import * as pulumi from "@pulumi/pulumi";
import {
  CertManager,
  type CertManagerArgs,
  checkCertManager,
  defaultCertManagerNamespace,
} from "./certManager.ts";
import {
  defaultClockSkewAllowance,
  defaultIssuanceLifetime,
  defaultIssuerDuration,
  defaultIssuerRenewBefore,
  IdentityIssuer,
  type IdentityIssuerSettings,
  issuerCommonName,
} from "./identityIssuer.ts";
import {
  checkLinkerdControlPlane,
  controlPlaneWebhooks,
  LinkerdControlPlane,
  type LinkerdControlPlaneSettings,
  trustDomainOf,
} from "./linkerdControlPlane.ts";
import { LinkerdNamespace } from "./linkerdNamespace.ts";
import { type CertificateFacts, certificateFacts, joinBundle } from "./pki/bundle.ts";
import type { Finding } from "./pki/finding.ts";
import { checkGenerations } from "./pki/generations.ts";
import { checkLifetimes } from "./pki/lifetimes.ts";
import { checkCommonName, checkNamespaceName } from "./pki/names.ts";
import { broken } from "./pki/rules.ts";
import { checkWebhookLifetimes } from "./pki/webhookLifetimes.ts";
import { plain, requireSound } from "./settings.ts";
import {
  commonNameOf,
  defaultTrustAnchorValidityPeriodHours,
  objectNameOf,
  TrustAnchor,
} from "./trustAnchor.ts";
import {
  defaultWebhookCertificateDuration,
  defaultWebhookCertificateRenewBefore,
  WebhookCredentials,
  type WebhookCredentialsSettings,
  webhookServerName,
} from "./webhookCredentials.ts";

const defaultLinkerdNamespace = "linkerd";
const defaultTrustAnchorGenerations: readonly number[] = [1];
/** Not the newest: a generation that signs as soon as it is listed would meet proxies that do not trust it yet. */
const defaultSigningGeneration = 1;

/**
 * What a {@link RotatingLinkerd} is made from. Every setting has a default.
 *
 * Each has the same name as its key in the stack's configuration.
 */
export interface RotatingLinkerdArgs
  extends CertManagerArgs,
    IdentityIssuerSettings,
    LinkerdControlPlaneSettings,
    WebhookCredentialsSettings {
  /** Namespace of the control plane, which is created. Defaults to `linkerd`. */
  readonly linkerdNamespace?: pulumi.Input<string> | undefined;
  /**
   * The generations of the trust anchor that the mesh trusts, oldest first: rising whole numbers from 1 on. Defaults to
   * [1]. A new number makes a new anchor; a number that is gone deletes that anchor, which must not be protected then.
   */
  readonly trustAnchorGenerations?: readonly number[] | undefined;
  /**
   * The generation that signs the identity issuer; one of `trustAnchorGenerations`. Defaults to 1.
   *
   * Let a new generation sign only after every pod of the mesh has been restarted with it in its bundle.
   */
  readonly signingGeneration?: number | undefined;
  /**
   * Life of each anchor in hours. Defaults to 87600 (ten years); longer than `issuerDuration` and `issuanceLifetime`
   * together. A change would replace every anchor, which protection refuses.
   */
  readonly trustAnchorValidityPeriodHours?: pulumi.Input<number> | undefined;
  /** Whether Pulumi refuses to delete or replace anything of an anchor. Defaults to true. */
  readonly protectTrustAnchors?: boolean | undefined;
  /** Whether to install cert-manager. Defaults to true; with false, the cluster must have one that is ready. */
  readonly installCertManager?: boolean | undefined;
}

/** One anchor of the bundle. */
export interface TrustAnchorStatus extends CertificateFacts {
  readonly generation: number;
  /** Name of its Secret and Issuer. */
  readonly name: string;
  /** Whether it signs the identity issuer. */
  readonly signs: boolean;
}

/**
 * Linkerd with control-plane TLS credentials that rotate by themselves.
 *
 * Creates the control plane's namespace, cert-manager where it is wanted, each generation of the trust anchor, the
 * identity issuer, the webhooks' credentials, and Linkerd's two Helm releases – each only when what it needs is ready,
 * and removed in the opposite order.
 *
 * The identity issuer and the webhooks' certificates renew without Pulumi. A trust anchor rotates in three runs, with restarts of the meshed pods
 * between: list the next generation; let it sign; remove the one before.
 *
 * The Kubernetes provider comes from `opts`, and needs `enableSecretMutable: true`: without it, a changed anchor Secret
 * would be deleted and made again, and the mesh be without its signer in between.
 *
 * @example
 * const provider = new kubernetes.Provider("cluster", { enableSecretMutable: true });
 * const linkerd = new RotatingLinkerd("linkerd", { trustDomain: "mesh.example.com" }, { provider });
 */
export class RotatingLinkerd extends pulumi.ComponentResource {
  /** The anchors that the mesh trusts: certificates in PEM, oldest generation first, no newline at the end. */
  readonly trustBundlePem: pulumi.Output<string>;
  /** Every anchor of the bundle, in the same order. */
  readonly trustAnchors: pulumi.Output<TrustAnchorStatus[]>;
  /** Namespace of the control plane. */
  readonly linkerdNamespace: pulumi.Output<string>;
  /** Name of the Secret, in that namespace, in which cert-manager keeps the identity issuer. */
  readonly identityIssuerSecretName: pulumi.Output<string>;
  /** Version of cert-manager's chart; absent where cert-manager is not installed here. */
  readonly certManagerChartVersion: pulumi.Output<string> | undefined;
  /** Version of the definitions' chart; absent for Linkerd before 2.12, which has none. */
  readonly linkerdCrdsChartVersion: pulumi.Output<string> | undefined;
  readonly linkerdControlPlaneChartVersion: pulumi.Output<string>;

  constructor(name: string, args: RotatingLinkerdArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:RotatingLinkerd", name, {}, opts);
    requireSound(checkRotatingLinkerd(args));
    const { generations, signing } = generationsOf(args);
    const trustDomain = trustDomainOf(args);

    const namespace = new LinkerdNamespace(
      `${name}-namespace`,
      {
        name: args.linkerdNamespace ?? defaultLinkerdNamespace,
        cniEnabled: args.linkerdControlPlaneValues?.cniEnabled === true,
      },
      { parent: this },
    );
    const certManager =
      (args.installCertManager ?? true)
        ? new CertManager(`${name}-cert-manager`, args, { parent: this })
        : undefined;

    const anchors = generations.map(
      (generation) =>
        new TrustAnchor(
          `${name}-${objectNameOf(generation).replace(/^linkerd-/, "")}`,
          {
            namespace: namespace.metadata.name,
            generation,
            trustDomain,
            validityPeriodHours: args.trustAnchorValidityPeriodHours,
          },
          {
            parent: this,
            protect: args.protectTrustAnchors ?? true,
            ...(certManager === undefined ? {} : { dependsOn: certManager }),
          },
        ),
    );
    this.trustBundlePem = pulumi.all(anchors.map((anchor) => anchor.certificatePem)).apply(joinBundle);

    const signer = anchors.find((anchor) => anchor.generation === signing)!;
    const issuer = new IdentityIssuer(
      `${name}-identity-issuer`,
      { ...args, namespace: namespace.metadata.name, trustDomain, issuerRef: signer.issuerRef },
      { parent: this },
    );
    const webhookCredentials =
      (args.rotateWebhookCredentials ?? true)
        ? new WebhookCredentials(
            `${name}-webhooks`,
            { ...args, namespace: namespace.metadata.name, webhooks: controlPlaneWebhooks },
            {
              parent: this,
              // Removed before any anchor is touched: Pulumi 3.259 hangs where it meets a protected resource while it
              // deletes others beside it.
              dependsOn: [...(certManager === undefined ? [] : [certManager]), ...anchors],
            },
          )
        : undefined;
    const controlPlane = new LinkerdControlPlane(
      `${name}-control-plane`,
      {
        ...args,
        namespace: namespace.metadata.name,
        trustBundlePem: this.trustBundlePem,
        webhookValues: webhookCredentials?.values,
      },
      { parent: this, dependsOn: issuer },
    );

    this.trustAnchors = pulumi.all(
      anchors.map((anchor) =>
        anchor.certificatePem.apply((pem) => ({
          generation: anchor.generation,
          name: anchor.objectName,
          signs: anchor === signer,
          ...certificateFacts(pem),
        })),
      ),
    );
    this.linkerdNamespace = namespace.metadata.name;
    this.identityIssuerSecretName = issuer.secretName;
    this.certManagerChartVersion = certManager?.chartVersion;
    this.linkerdCrdsChartVersion = controlPlane.crdsChartVersion;
    this.linkerdControlPlaneChartVersion = controlPlane.controlPlaneChartVersion;
    this.registerOutputs({ trustBundlePem: this.trustBundlePem, trustAnchors: this.trustAnchors });
  }
}

/** Checks what is plain of the settings, each by itself and against the others. */
export function checkRotatingLinkerd(args: RotatingLinkerdArgs): Finding[] {
  const { generations, signing } = generationsOf(args);
  const linkerdNamespace = plain(args.linkerdNamespace ?? defaultLinkerdNamespace);
  const trustDomain = plain(trustDomainOf(args));
  const findings = [
    ...(linkerdNamespace === undefined ? [] : checkNamespaceName("linkerdNamespace", linkerdNamespace)),
    ...checkGenerations(generations, signing),
    ...checkLifetimes({
      issuerDuration: plain(args.issuerDuration ?? defaultIssuerDuration),
      issuerRenewBefore: plain(args.issuerRenewBefore ?? defaultIssuerRenewBefore),
      issuanceLifetime: plain(args.issuanceLifetime ?? defaultIssuanceLifetime),
      clockSkewAllowance: plain(args.clockSkewAllowance ?? defaultClockSkewAllowance),
      trustAnchorValidityPeriodHours: plain(
        args.trustAnchorValidityPeriodHours ?? defaultTrustAnchorValidityPeriodHours,
      ),
    }),
    ...checkWebhookLifetimes({
      webhookCertificateDuration: plain(args.webhookCertificateDuration ?? defaultWebhookCertificateDuration),
      webhookCertificateRenewBefore: plain(
        args.webhookCertificateRenewBefore ?? defaultWebhookCertificateRenewBefore,
      ),
    }),
    ...checkLinkerdControlPlane(args),
  ];
  if (args.installCertManager ?? true) {
    findings.push(...checkCertManager(args));
    const certManagerNamespace = plain(args.certManagerNamespace ?? defaultCertManagerNamespace);
    if (certManagerNamespace !== undefined && certManagerNamespace === linkerdNamespace) {
      findings.push(
        broken("distinct-namespaces", {
          field: "certManagerNamespace",
          message: `"${certManagerNamespace}" is linkerdNamespace as well, and one namespace cannot be made twice.`,
          fix: "Give cert-manager a namespace of its own.",
        }),
      );
    }
  }
  if (linkerdNamespace !== undefined && (args.rotateWebhookCredentials ?? true)) {
    const serverNames = controlPlaneWebhooks.map(({ serviceName }) =>
      webhookServerName(serviceName, linkerdNamespace),
    );
    const longest = serverNames.reduce((left, right) => (right.length > left.length ? right : left));
    findings.push(...checkCommonName("linkerdNamespace", longest));
  }
  if (trustDomain !== undefined && linkerdNamespace !== undefined) {
    const commonNames = [
      issuerCommonName(linkerdNamespace, trustDomain),
      ...generations.map((generation) => commonNameOf(generation, trustDomain)),
    ];
    const longest = commonNames.reduce((left, right) => (right.length > left.length ? right : left));
    findings.push(...checkCommonName("trustDomain", longest));
  }
  return findings;
}

function generationsOf(args: RotatingLinkerdArgs): { generations: readonly number[]; signing: number } {
  return {
    generations: args.trustAnchorGenerations ?? defaultTrustAnchorGenerations,
    signing: args.signingGeneration ?? defaultSigningGeneration,
  };
}
