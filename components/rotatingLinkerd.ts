import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import {
  CertManager,
  type CertManagerArgs,
  checkCertManager,
  defaultCertManagerNamespace,
} from "./certManager.ts";
import type { IssuerReference } from "./certManagerObjects.ts";
import type { TrustRoots } from "./chartFamilies.ts";
import {
  ClusterTrustAnchor,
  type ClusterTrustAnchorSettings,
  clusterAnchorName,
  defaultClusterTrustAnchorDuration,
  defaultClusterTrustAnchorRenewBefore,
  previousAnchorName,
} from "./clusterTrustAnchor.ts";
import { valueAt } from "./helmValues.ts";
import {
  defaultClockSkewAllowance,
  defaultIssuanceLifetime,
  defaultIssuerDuration,
  defaultIssuerRenewBefore,
  IdentityIssuer,
  type IdentityIssuerSettings,
  identityIssuerName,
  issuerCommonName,
} from "./identityIssuer.ts";
import {
  checkIssuerSource,
  type IssuerSourceSettings,
  issuerReferenceOf,
  signedElsewhere,
} from "./issuerSource.ts";
import {
  checkLinkerdCni,
  defaultLinkerdCniNamespace,
  LinkerdCni,
  type LinkerdCniSettings,
} from "./linkerdCni.ts";
import {
  checkLinkerdControlPlane,
  controlPlaneWebhooks,
  LinkerdControlPlane,
  type LinkerdControlPlaneSettings,
  podSecurityLevelOf,
  trustDomainOf,
} from "./linkerdControlPlane.ts";
import { LinkerdNamespace } from "./linkerdNamespace.ts";
import {
  checkLinkerdViz,
  defaultLinkerdVizNamespace,
  LinkerdViz,
  type LinkerdVizSettings,
  vizWebhooks,
} from "./linkerdViz.ts";
import {
  bundleSha256,
  type CertificateFacts,
  certificateFacts,
  joinBundle,
  splitBundle,
} from "./pki/bundle.ts";
import { type ClusterAnchorLifetimes, checkClusterAnchorLifetimes } from "./pki/clusterAnchorLifetimes.ts";
import type { Finding } from "./pki/finding.ts";
import { checkGenerations } from "./pki/generations.ts";
import { checkLifetimes } from "./pki/lifetimes.ts";
import { checkCommonName, checkNamespaceName } from "./pki/names.ts";
import { broken } from "./pki/rules.ts";
import { checkWebhookLifetimes } from "./pki/webhookLifetimes.ts";
import { checkProvidedTrustAnchors, type ProvidedTrustAnchors } from "./providedTrustAnchors.ts";
import { plain, requireSound } from "./settings.ts";
import {
  commonNameOf,
  defaultTrustAnchorValidityPeriodHours,
  objectNameOf,
  TrustAnchor,
} from "./trustAnchor.ts";
import { checkTrustManager, TrustManager, type TrustManagerSettings } from "./trustManager.ts";
import { VaultIssuer } from "./vaultIssuer.ts";
import {
  defaultWebhookCertificateDuration,
  defaultWebhookCertificateRenewBefore,
  type Webhook,
  WebhookCredentials,
  type WebhookCredentialsSettings,
  webhookServerName,
} from "./webhookCredentials.ts";

/** Namespace of the control plane where none is set. */
export const defaultLinkerdNamespace = "linkerd";
export const defaultTrustAnchorGenerations: readonly number[] = [1];
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
    IssuerSourceSettings,
    LinkerdControlPlaneSettings,
    LinkerdCniSettings,
    LinkerdVizSettings,
    WebhookCredentialsSettings,
    TrustManagerSettings,
    ClusterTrustAnchorSettings {
  /** Namespace of the control plane, which is created. Defaults to `linkerd`. */
  readonly linkerdNamespace?: pulumi.Input<string> | undefined;
  /**
   * Where the trust anchor is made and kept: `stack`, by Pulumi, its key encrypted in the state; or `cluster`, by
   * cert-manager, with trust-manager to distribute it. Defaults to `stack`. A change would replace the anchor, which
   * protection refuses.
   */
  readonly trustAnchorSource?: string | undefined;
  /**
   * Whether to install trust-manager, which `trustAnchorSource: cluster` needs. Defaults to true; with false, the cluster
   * must have one whose trust namespace is `certManagerNamespace`.
   */
  readonly installTrustManager?: boolean | undefined;
  /**
   * The generations of the trust anchor that the mesh trusts, oldest first: rising whole numbers from 1 on. Defaults to
   * [1]. A new number makes a new anchor; a number that is gone deletes that anchor, which must not be protected then.
   */
  readonly trustAnchorGenerations?: readonly number[] | undefined;
  /**
   * Anchors that are given, not made, by their generation; each is one of `trustAnchorGenerations`. Absent: none. One
   * without its key is trusted, and cannot sign. A certificate may be renewed with the same subject and key; any other
   * change would replace the anchor, which protection refuses.
   */
  readonly providedTrustAnchors?: ProvidedTrustAnchors | undefined;
  /**
   * The generation that signs the identity issuer; one of `trustAnchorGenerations`. Defaults to 1. Without effect where
   * another issuer signs (`identityIssuerRef`, `vaultIssuer`, `identityIssuerSource: secret`).
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
  /** Absent for one that is kept on the cluster. */
  readonly generation?: number;
  /** Name of its Secret. */
  readonly name: string;
  /** Whether it signs the identity issuer. */
  readonly signs: boolean;
}

/**
 * Linkerd with control-plane TLS credentials that rotate by themselves.
 *
 * Creates the control plane's namespace, cert-manager where it is wanted, each generation of the trust anchor, the
 * identity issuer, the webhooks' credentials, Linkerd's CNI plugin where it is wanted, and Linkerd's two Helm releases –
 * each only when what it needs is ready, and removed in the opposite order.
 *
 * The identity issuer and the webhooks' certificates renew without Pulumi. A trust anchor rotates in three runs, with
 * restarts of the meshed pods between: list the next generation; let it sign; remove the one before.
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
  /** Name of the Secret, in that namespace, in which the identity issuer is. */
  readonly identityIssuerSecretName: pulumi.Output<string>;
  /** Version of cert-manager's chart; absent where cert-manager is not installed here. */
  readonly certManagerChartVersion: pulumi.Output<string> | undefined;
  /** Version of the definitions' chart; absent for Linkerd before 2.12, which has none. */
  readonly linkerdCrdsChartVersion: pulumi.Output<string> | undefined;
  readonly linkerdControlPlaneChartVersion: pulumi.Output<string>;

  constructor(name: string, args: RotatingLinkerdArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:RotatingLinkerd", name, {}, opts);
    requireSound(checkRotatingLinkerd(args));
    const trustDomain = trustDomainOf(args);
    const cniInstalled = args.installLinkerdCni ?? false;
    const podSecurityLevel = podSecurityLevelOf(args, cniInstalled);

    const namespace = new LinkerdNamespace(
      `${name}-namespace`,
      { name: args.linkerdNamespace ?? defaultLinkerdNamespace, podSecurityLevel },
      { parent: this },
    );
    const certManager =
      (args.installCertManager ?? true)
        ? new CertManager(`${name}-cert-manager`, args, { parent: this })
        : undefined;

    const source =
      args.trustAnchorSource === "cluster"
        ? this.#clusterAnchor(name, args, namespace, certManager)
        : this.#stackAnchors(name, args, namespace, certManager);
    this.trustBundlePem = source.bundlePem;
    this.trustAnchors = source.statuses;

    const afterCertManager = certManager === undefined ? {} : { dependsOn: certManager };
    const issuerRef =
      args.vaultIssuer !== undefined
        ? new VaultIssuer(
            `${name}-identity-vault`,
            {
              ...args.vaultIssuer,
              linkerdNamespace: namespace.metadata.name,
              certManagerNamespace: args.certManagerNamespace ?? defaultCertManagerNamespace,
            },
            { parent: this, ...afterCertManager },
          ).issuerRef
        : args.identityIssuerRef !== undefined
          ? issuerReferenceOf(args.identityIssuerRef)
          : source.issuerRef;
    const issuer =
      issuerRef === undefined || args.identityIssuerSource === "secret"
        ? undefined
        : new IdentityIssuer(
            `${name}-identity-issuer`,
            { ...args, namespace: namespace.metadata.name, trustDomain, issuerRef },
            { parent: this, ...afterCertManager },
          );
    const webhookCredentials =
      (args.rotateWebhookCredentials ?? true)
        ? new WebhookCredentials(
            `${name}-webhooks`,
            { ...args, namespace: namespace.metadata.name, webhooks: controlPlaneWebhooks },
            { parent: this, ...afterCertManager },
          )
        : undefined;
    const cni = cniInstalled ? new LinkerdCni(`${name}-cni`, args, { parent: this }) : undefined;
    const controlPlane = new LinkerdControlPlane(
      `${name}-control-plane`,
      {
        ...args,
        cniInstalled,
        namespace: namespace.metadata.name,
        trustRoots: source.trustRoots,
        webhookValues: webhookCredentials?.values,
      },
      { parent: this, dependsOn: [issuer, cni].filter((needed) => needed !== undefined) },
    );

    if (args.installLinkerdViz === true) {
      new LinkerdViz(
        `${name}-viz`,
        { ...args, linkerdNamespace: namespace.metadata.name, podSecurityLevel },
        { parent: this, dependsOn: controlPlane },
      );
    }

    this.linkerdNamespace = namespace.metadata.name;
    this.identityIssuerSecretName = issuer?.secretName ?? pulumi.output(identityIssuerName);
    this.certManagerChartVersion = certManager?.chartVersion;
    this.linkerdCrdsChartVersion = controlPlane.crdsChartVersion;
    this.linkerdControlPlaneChartVersion = controlPlane.controlPlaneChartVersion;
    this.registerOutputs({ trustBundlePem: this.trustBundlePem, trustAnchors: this.trustAnchors });
  }

  #stackAnchors(
    name: string,
    args: RotatingLinkerdArgs,
    namespace: LinkerdNamespace,
    certManager: CertManager | undefined,
  ): TrustAnchorSource {
    const { generations, signing } = generationsOf(args);
    const anchors = generations.map(
      (generation) =>
        new TrustAnchor(
          `${name}-${objectNameOf(generation).replace(/^linkerd-/, "")}`,
          {
            namespace: namespace.metadata.name,
            generation,
            trustDomain: trustDomainOf(args),
            validityPeriodHours: args.trustAnchorValidityPeriodHours,
            provided: args.providedTrustAnchors?.[generation],
          },
          {
            parent: this,
            protect: args.protectTrustAnchors ?? true,
            ...(certManager === undefined ? {} : { dependsOn: certManager }),
          },
        ),
    );
    const bundlePem = pulumi.all(anchors.map((anchor) => anchor.certificatePem)).apply(joinBundle);
    const signer = anchors.find((anchor) => anchor.generation === signing);
    return {
      bundlePem,
      trustRoots: { pem: bundlePem },
      issuerRef: signer?.issuerRef,
      statuses: pulumi.all(
        anchors.map((anchor) =>
          anchor.certificatePem.apply((pem) => ({
            generation: anchor.generation,
            name: anchor.objectName,
            signs: anchor === signer,
            ...certificateFacts(pem),
          })),
        ),
      ),
    };
  }

  #clusterAnchor(
    name: string,
    args: RotatingLinkerdArgs,
    namespace: LinkerdNamespace,
    certManager: CertManager | undefined,
  ): TrustAnchorSource {
    const trustManager =
      (args.installTrustManager ?? true)
        ? new TrustManager(`${name}-trust-manager`, args, {
            parent: this,
            ...(certManager === undefined ? {} : { dependsOn: certManager }),
          })
        : undefined;
    const needed = [certManager, trustManager].filter((component) => component !== undefined);
    const anchor = new ClusterTrustAnchor(
      `${name}-trust-anchor`,
      {
        ...args,
        certManagerNamespace: args.certManagerNamespace ?? defaultCertManagerNamespace,
        linkerdNamespace: namespace.metadata.name,
        trustDomain: trustDomainOf(args),
      },
      { parent: this, protect: args.protectTrustAnchors ?? true, dependsOn: needed },
    );
    return {
      bundlePem: anchor.bundlePem.apply((text) => joinBundle([text])),
      trustRoots: { externalSha256: anchor.bundlePem.apply(bundleSha256) },
      issuerRef: anchor.issuerRef,
      statuses: pulumi.all([anchor.bundlePem, anchor.certificatePem]).apply(([bundle, current]) => {
        const { fingerprintSha256 } = certificateFacts(current);
        return splitBundle(bundle).map((pem) => {
          const facts = certificateFacts(pem);
          const signs = facts.fingerprintSha256 === fingerprintSha256;
          return { name: signs ? clusterAnchorName : previousAnchorName, signs, ...facts };
        });
      }),
    };
  }
}

/** The mesh's trust anchors, wherever they come from. */
interface TrustAnchorSource {
  readonly bundlePem: pulumi.Output<string>;
  readonly trustRoots: TrustRoots<pulumi.Output<string>>;
  /** What signs the identity issuer; absent where none of the anchors does. */
  readonly issuerRef: IssuerReference | undefined;
  readonly statuses: pulumi.Output<TrustAnchorStatus[]>;
}

/** Checks what is plain of the settings, each by itself and against the others. */
export function checkRotatingLinkerd(args: RotatingLinkerdArgs): Finding[] {
  const onCluster = args.trustAnchorSource === "cluster";
  const hasCertificate = args.identityIssuerSource !== "secret";
  const { generations } = generationsOf(args);
  const issuerLifetimes = {
    issuerDuration: hasCertificate ? plain(args.issuerDuration ?? defaultIssuerDuration) : undefined,
    issuanceLifetime: plain(args.issuanceLifetime ?? defaultIssuanceLifetime),
    clockSkewAllowance: plain(args.clockSkewAllowance ?? defaultClockSkewAllowance),
  };
  const linkerdNamespace = plain(args.linkerdNamespace ?? defaultLinkerdNamespace);
  const trustDomain = plain(trustDomainOf(args));
  const findings = [
    ...(linkerdNamespace === undefined ? [] : checkNamespaceName("linkerdNamespace", linkerdNamespace)),
    ...checkTrustAnchorSource(args),
    ...(onCluster ? checkClusterAnchor(args, issuerLifetimes) : checkStackAnchors(args)),
    ...checkLifetimes({
      ...issuerLifetimes,
      issuerRenewBefore: hasCertificate
        ? plain(args.issuerRenewBefore ?? defaultIssuerRenewBefore)
        : undefined,
      trustAnchorValidityPeriodHours: onCluster
        ? undefined
        : plain(args.trustAnchorValidityPeriodHours ?? defaultTrustAnchorValidityPeriodHours),
    }),
    ...checkWebhookLifetimes({
      webhookCertificateDuration: plain(args.webhookCertificateDuration ?? defaultWebhookCertificateDuration),
      webhookCertificateRenewBefore: plain(
        args.webhookCertificateRenewBefore ?? defaultWebhookCertificateRenewBefore,
      ),
    }),
    ...checkIssuerSource(args),
    ...checkLinkerdControlPlane(args, {
      externalCA: onCluster,
      cniInstalled: args.installLinkerdCni ?? false,
    }),
    ...checkWebhookNames("linkerdNamespace", linkerdNamespace, controlPlaneWebhooks, args),
    ...checkDistinctNamespaces(args),
  ];
  if (args.installCertManager ?? true) findings.push(...checkCertManager(args));
  if (args.installLinkerdCni === true) {
    const cniNamespace = plain(args.linkerdCniNamespace ?? defaultLinkerdCniNamespace);
    findings.push(
      ...checkLinkerdCni(args),
      ...(cniNamespace === undefined ? [] : checkNamespaceName("linkerdCniNamespace", cniNamespace)),
    );
  }
  if (args.installLinkerdViz === true) {
    const vizNamespace = plain(args.linkerdVizNamespace ?? defaultLinkerdVizNamespace);
    findings.push(
      ...checkLinkerdViz(args),
      ...(vizNamespace === undefined ? [] : checkNamespaceName("linkerdVizNamespace", vizNamespace)),
      ...checkWebhookNames("linkerdVizNamespace", vizNamespace, vizWebhooks, args),
    );
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

/** Checks that no namespace is to be made twice: each is another than those before it. */
function checkDistinctNamespaces(args: RotatingLinkerdArgs): Finding[] {
  const { linkerdNamespace, certManagerNamespace, linkerdCniNamespace, linkerdVizNamespace } = args;
  const made = [
    { field: "linkerdNamespace", name: linkerdNamespace ?? defaultLinkerdNamespace, isMade: true },
    {
      field: "certManagerNamespace",
      name: certManagerNamespace ?? defaultCertManagerNamespace,
      isMade: args.installCertManager ?? true,
    },
    {
      field: "linkerdCniNamespace",
      name: linkerdCniNamespace ?? defaultLinkerdCniNamespace,
      isMade: args.installLinkerdCni ?? false,
    },
    {
      field: "linkerdVizNamespace",
      name: linkerdVizNamespace ?? defaultLinkerdVizNamespace,
      isMade: args.installLinkerdViz ?? false,
    },
  ].flatMap(({ field, name, isMade }) => {
    const known = plain(name);
    return isMade && known !== undefined ? [{ field, name: known }] : [];
  });
  return made.flatMap(({ field, name }, index) => {
    const other = made.slice(0, index).find((earlier) => earlier.name === name);
    if (other === undefined) return [];
    return broken("distinct-namespaces", {
      field,
      message: `"${name}" is ${other.field} as well, and one namespace cannot be made twice.`,
      fix: "Give each a namespace of its own.",
    });
  });
}

/** Checks that the names of these webhooks fit into their certificates. */
function checkWebhookNames(
  field: string,
  namespace: string | undefined,
  webhooks: readonly Webhook[],
  { rotateWebhookCredentials }: RotatingLinkerdArgs,
): Finding[] {
  if (namespace === undefined || !(rotateWebhookCredentials ?? true)) return [];
  const serverNames = webhooks.map(({ serviceName }) => webhookServerName(serviceName, namespace));
  return checkCommonName(
    field,
    serverNames.reduce((left, right) => (right.length > left.length ? right : left)),
  );
}

/** Checks the anchor's source, and refuses settings of the other one, which would have no effect. */
function checkTrustAnchorSource(args: RotatingLinkerdArgs): Finding[] {
  const source = args.trustAnchorSource ?? "stack";
  if (source !== "stack" && source !== "cluster") {
    return [
      broken("trust-anchor-source", {
        field: "trustAnchorSource",
        message: `"${source}" is not where a trust anchor comes from: that is stack or cluster.`,
        fix: "Set it to stack, where Pulumi makes and keeps the trust anchor, or to cluster, where cert-manager does.",
      }),
    ];
  }
  const others = {
    stack: {
      clusterTrustAnchorDuration: defaultClusterTrustAnchorDuration,
      clusterTrustAnchorRenewBefore: defaultClusterTrustAnchorRenewBefore,
    },
    cluster: {
      trustAnchorGenerations: defaultTrustAnchorGenerations,
      signingGeneration: defaultSigningGeneration,
      trustAnchorValidityPeriodHours: defaultTrustAnchorValidityPeriodHours,
      providedTrustAnchors: undefined,
    },
  }[source];
  return Object.entries(others).flatMap(([field, standard]) => {
    const value: unknown = args[field as keyof typeof args];
    if (value === undefined || isDeepStrictEqual(value, standard)) return [];
    return broken("other-trust-anchor-source", {
      field,
      // An object may hold a key.
      message: `${isPlainValue(value) ? JSON.stringify(value) : "It"} is about another trust anchor than the one that trustAnchorSource (${source}) names.`,
      fix: "Remove it, or set the other trustAnchorSource.",
    });
  });
}

const isPlainValue = (value: unknown) => typeof value !== "object" || Array.isArray(value);

/** Checks the anchors that Pulumi makes or is given, and whether one of them can sign. */
function checkStackAnchors(args: RotatingLinkerdArgs): Finding[] {
  const { generations, signing } = generationsOf(args);
  const provided = args.providedTrustAnchors ?? {};
  const findings = [
    ...checkGenerations(generations, signing),
    ...checkProvidedTrustAnchors(provided, generations),
  ];
  const signer = signing === undefined ? undefined : provided[signing];
  if (signer && signer.privateKeyPem === undefined) {
    findings.push(
      broken("signing-key", {
        field: "signingGeneration",
        message: `Generation ${signing} is provided without its private key, and cannot sign.`,
        fix: `Set providedTrustAnchors.${signing}.privateKeyPem as a secret; or let someone else sign: identityIssuerRef, vaultIssuer, or identityIssuerSource: secret.`,
      }),
    );
  }
  return findings;
}

/** Checks what an anchor that is kept on the cluster needs. */
function checkClusterAnchor(
  args: RotatingLinkerdArgs,
  issuerLifetimes: Omit<ClusterAnchorLifetimes, keyof ClusterTrustAnchorSettings>,
): Finding[] {
  const findings = [
    ...checkClusterAnchorLifetimes({
      ...issuerLifetimes,
      clusterTrustAnchorDuration: plain(args.clusterTrustAnchorDuration ?? defaultClusterTrustAnchorDuration),
      clusterTrustAnchorRenewBefore: plain(
        args.clusterTrustAnchorRenewBefore ?? defaultClusterTrustAnchorRenewBefore,
      ),
    }),
    ...((args.installTrustManager ?? true) ? checkTrustManager(args) : []),
  ];
  const elsewhere = signedElsewhere(args);
  if (elsewhere !== undefined) findings.push(issuerBesideClusterAnchor(elsewhere));
  const namespace = plain(args.certManagerNamespace ?? defaultCertManagerNamespace);
  const lookedInto = valueAt(args.certManagerValues ?? {}, ["clusterResourceNamespace"]);
  if (typeof lookedInto === "string" && lookedInto !== "" && lookedInto !== namespace) {
    findings.push(
      broken("cluster-resource-namespace", {
        field: "certManagerValues.clusterResourceNamespace",
        message: `cert-manager would look for the trust anchor in "${lookedInto}", and it is in "${namespace}".`,
        fix: "Remove it: cert-manager's own namespace is its default.",
      }),
    );
  }
  return findings;
}

/** The anchor on the cluster signs by its own ClusterIssuer; beside another issuer it would be trusted for nothing. */
function issuerBesideClusterAnchor(field: string): Finding {
  return broken("one-issuer-source", {
    field,
    message: "trustAnchorSource is cluster as well, whose anchor signs the identity issuer and nothing else.",
    fix: "Remove it, or set trustAnchorSource to stack.",
  });
}

/** The generations of the anchor, and the one that signs; `undefined` where none of them does. */
function generationsOf(args: RotatingLinkerdArgs): {
  readonly generations: readonly number[];
  readonly signing: number | undefined;
} {
  return {
    generations: args.trustAnchorGenerations ?? defaultTrustAnchorGenerations,
    signing:
      signedElsewhere(args) === undefined ? (args.signingGeneration ?? defaultSigningGeneration) : undefined,
  };
}
