import * as pulumi from "@pulumi/pulumi";
import { certManagerHas } from "../rules/charts/certManager.ts";
import {
  bundleSha256,
  type CertificateFacts,
  certificateFacts,
  joinBundle,
  splitBundle,
} from "../rules/credentials/bundle.ts";
import type { Finding } from "../rules/finding.ts";
import { isLater } from "../rules/known.ts";
import { checkCrossCertificateEnd } from "../rules/lifetimes/crossCertificate.ts";
import { checkAnchorEnd } from "../rules/lifetimes/trustAnchor.ts";
import {
  controlPlaneWebhooks,
  identityIssuerName,
  previousTrustAnchorName,
  trustAnchorName,
  trustAnchorObjectName,
} from "../rules/linkerdNames.ts";
import { namespaceMarks } from "../rules/namespaceMarks.ts";
import { cniEnabled, type PodSecurityLevel, podSecurityLevel } from "../rules/settings/controlPlane.ts";
import { crossSignings } from "../rules/settings/crossSigning.ts";
import { certManagerGroup } from "../rules/settings/identityIssuer.ts";
import { distrustedGenerations, signingGeneration } from "../rules/settings/settings.ts";
import { CertManager } from "./certManager.ts";
import { ClusterTrustAnchor } from "./clusterTrustAnchor.ts";
import { CredentialsGuard } from "./credentialsGuard.ts";
import { IdentityIssuer } from "./identityIssuer.ts";
import { LinkerdAlerts } from "./linkerdAlerts.ts";
import { LinkerdCni } from "./linkerdCni.ts";
import { LinkerdControlPlane, type TrustRoots } from "./linkerdControlPlane.ts";
import { LinkerdViz } from "./linkerdViz.ts";
import type { IssuerReference } from "./objects/certManager.ts";
import { namespaceWith } from "./objects/namespace.ts";
import type { ResolvedSettings, RotatingLinkerdArgs } from "./rotatingLinkerdArgs.ts";
import { TrustAnchor } from "./trustAnchor.ts";
import { TrustManager } from "./trustManager.ts";
import { requireSound, resolveSound, spellingOf } from "./validation.ts";
import { VaultIssuer } from "./vaultIssuer.ts";
import { WebhookCredentials } from "./webhookCredentials.ts";

/** One anchor of the bundle. */
export interface TrustAnchorStatus extends CertificateFacts {
  /** Absent for an anchor that is kept on the cluster. */
  readonly generation?: number;
  /** Name of its Secret. */
  readonly name: string;
  /** Whether it signs the identity issuer. */
  readonly signs: boolean;
  /** The certificate by which an older generation vouches for it; absent if none does. */
  readonly crossCertificate?: CrossCertificateStatus;
}

interface CrossCertificateStatus extends CertificateFacts {
  /** The generation whose key has signed it. */
  readonly by: number;
}

/** The mesh's trust anchors, wherever they come from. */
interface TrustAnchorSource {
  readonly bundlePem: pulumi.Output<string>;
  readonly trustRoots: TrustRoots;
  /** What signs the identity issuer; absent if none of the anchors does. */
  readonly issuerRef: IssuerReference | undefined;
  readonly statuses: pulumi.Output<TrustAnchorStatus[]>;
  /** All of them. */
  readonly components: readonly pulumi.Resource[];
}

/** Options of what comes after cert-manager, if that is installed here. */
interface AfterCertManager {
  readonly parent: pulumi.Resource;
  readonly dependsOn: CertManager[];
}

/**
 * Linkerd with control-plane TLS credentials that rotate by themselves.
 *
 * Creates the control plane's namespace if that is not there, cert-manager if it is wanted, each generation of the trust anchor, the identity
 * issuer, the webhooks' credentials, Linkerd's CNI plugin if it is wanted, Linkerd's two Helm releases, and a guard of the
 * credentials if it is wanted – each only when what it needs is ready, and removed in the opposite order.
 *
 * The identity issuer and the webhooks' certificates renew without Pulumi. A trust anchor rotates in three runs: list the
 * next generation and let it sign, by the word of the one before; once every meshed pod has been restarted for whatever reason, let it sign
 * alone; once every proxy has renewed its certificate, remove the one before.
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
  /** Version of cert-manager's chart; absent if cert-manager is not installed here. */
  readonly certManagerChartVersion: pulumi.Output<string> | undefined;
  /** Version of the definitions' chart; absent for Linkerd before 2.12, which has none. */
  readonly linkerdCrdsChartVersion: pulumi.Output<string> | undefined;
  readonly linkerdControlPlaneChartVersion: pulumi.Output<string>;

  constructor(name: string, args: RotatingLinkerdArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:RotatingLinkerd", name, {}, opts);
    const settings = resolveSound(args);
    const { clusterDomain, trustDomain, helmTimeoutSeconds, identityIssuer, webhooks } = settings;
    const { certManager, crds, controlPlane, cni, viz, alerts } = settings;
    const { duration, renewBefore, issuanceLifetime, clockSkewAllowance } = identityIssuer;
    const child = { parent: this };
    const level = levelOf(settings);

    const linkerdNamespace = namespaceWith(
      `${name}-namespace`,
      {
        name: controlPlane.namespace,
        create: controlPlane.createNamespace,
        ...namespaceMarks.controlPlane<pulumi.Input<string>>(controlPlane.namespace, level),
      },
      child,
    );
    const ownCertManager = certManager.install
      ? [new CertManager(`${name}-cert-manager`, { certManager, alerts, helmTimeoutSeconds }, child)]
      : [];
    const afterCertManager = { ...child, dependsOn: ownCertManager };

    const makeAnchors = settings.trustAnchor.source === "cluster" ? clusterAnchor : stackAnchors;
    const anchors = makeAnchors(name, settings, linkerdNamespace, afterCertManager);
    pulumi
      .all([anchors.statuses, settings.trustAnchor.warnBefore, duration])
      .apply(([statuses, warnBefore, issuerDuration]) => {
        const ends = endsOf(statuses, settings, warnBefore);
        requireSound([...ends, ...crossEndsOf(statuses, issuerDuration)].map(spellingOf(args)));
      });
    const issuerRef = otherIssuer(name, settings, linkerdNamespace, afterCertManager) ?? anchors.issuerRef;
    const issuer =
      issuerRef === undefined || identityIssuer.source === "secret"
        ? undefined
        : new IdentityIssuer(
            `${name}-identity-issuer`,
            { duration, renewBefore, namespace: linkerdNamespace, trustDomain, issuerRef },
            afterCertManager,
          );
    const webhookCredentials = webhooks.rotateCredentials
      ? new WebhookCredentials(
          `${name}-webhooks`,
          { ...webhooks, namespace: linkerdNamespace, webhooks: controlPlaneWebhooks },
          afterCertManager,
        )
      : undefined;
    const plugin = cni.install
      ? [new LinkerdCni(`${name}-cni`, { cni, controlPlane, helmTimeoutSeconds }, child)]
      : [];
    const linkerd = new LinkerdControlPlane(
      `${name}-control-plane`,
      {
        clusterDomain,
        trustDomain,
        helmTimeoutSeconds,
        crds,
        controlPlane,
        alerts,
        namespace: linkerdNamespace,
        trustRoots: anchors.trustRoots,
        issuanceLifetime,
        clockSkewAllowance,
        cniInstalled: cni.install,
        webhookValues: webhookCredentials?.values,
      },
      { ...child, dependsOn: [...(issuer === undefined ? [] : [issuer]), ...plugin] },
    );
    if (viz.install) {
      new LinkerdViz(
        `${name}-viz`,
        {
          clusterDomain,
          trustDomain,
          helmTimeoutSeconds,
          webhooks,
          viz,
          controlPlane,
          linkerdNamespace,
          podSecurityLevel: level,
        },
        { ...child, dependsOn: linkerd },
      );
    }

    if (settings.guard.install) {
      new CredentialsGuard(
        `${name}-guard`,
        { settings, namespace: linkerdNamespace },
        { ...child, dependsOn: [...anchors.components, linkerd] },
      );
    }

    if (alerts.install) new LinkerdAlerts(`${name}-alerts`, { ...settings, linkerdNamespace }, child);

    this.trustBundlePem = anchors.bundlePem;
    this.trustAnchors = anchors.statuses;
    this.linkerdNamespace = linkerdNamespace;
    this.identityIssuerSecretName = issuer?.secretName ?? pulumi.output(identityIssuerName);
    this.certManagerChartVersion = ownCertManager[0]?.chartVersion;
    this.linkerdCrdsChartVersion = linkerd.crdsChartVersion;
    this.linkerdControlPlaneChartVersion = linkerd.controlPlaneChartVersion;
    this.registerOutputs({ trustBundlePem: this.trustBundlePem, trustAnchors: this.trustAnchors });
  }
}

/** The issuer that signs in place of an anchor of this program, if there is one. */
function otherIssuer(
  name: string,
  { identityIssuer: { issuerRef, vault }, certManager }: ResolvedSettings,
  linkerdNamespace: pulumi.Output<string>,
  after: AfterCertManager,
): IssuerReference | undefined {
  if (vault !== undefined) {
    const args = { ...vault, linkerdNamespace, certManagerNamespace: certManager.namespace };
    return new VaultIssuer(`${name}-identity-vault`, args, after).issuerRef;
  }
  if (issuerRef === undefined) return undefined;
  const { name: issuerName, kind = "Issuer", group = certManagerGroup } = issuerRef;
  return { group, kind, name: issuerName };
}

function stackAnchors(
  name: string,
  settings: ResolvedSettings,
  namespace: pulumi.Output<string>,
  after: AfterCertManager,
): TrustAnchorSource {
  const { trustDomain } = settings;
  const { generations, validityPeriodHours, provided, warnBefore, protect } = settings.trustAnchor;
  const signing = signingGeneration(settings);
  const vouchers = new Map(crossSignings(settings).map(({ generation, by }) => [generation, by]));
  const isVoucher = (generation: number) => [...vouchers.values()].includes(generation);
  // The mesh lives on what signs and vouches. Any other generation joins the bundle, or leaves it. Where someone else signs,
  // nothing but the cluster says which of several it lives on.
  const isNeeded = (generation: number) =>
    signing === undefined ? generations.length === 1 : generation === signing || isVoucher(generation);
  const anchors: TrustAnchor[] = [];
  for (const generation of generations) {
    const args = {
      namespace,
      generation,
      trustDomain,
      validityPeriodHours,
      warnBefore,
      provided: provided[generation],
      vouchedForBy: anchors.find((anchor) => anchor.generation === vouchers.get(generation)),
      signs: generation === signing,
    };
    const anchorName = `${name}-${trustAnchorObjectName(generation).replace(/^linkerd-/, "")}`;
    anchors.push(new TrustAnchor(anchorName, args, { ...after, protect: protect && isNeeded(generation) }));
  }
  const distrusted = distrustedGenerations(settings);
  const trusted = anchors.filter(({ generation }) => !distrusted.includes(generation));
  const bundlePem = pulumi.all(trusted.map((anchor) => anchor.certificatePem)).apply(joinBundle);
  const signer = anchors.find(({ generation }) => generation === signing);
  return {
    bundlePem,
    trustRoots: { pem: bundlePem },
    issuerRef: signer?.issuerRef,
    components: anchors,
    statuses: pulumi.all(
      trusted.map(({ generation, objectName, certificatePem, crossCertificatePem }) =>
        pulumi.all([certificatePem, crossCertificatePem]).apply(([pem, crossPem]) => ({
          generation,
          name: objectName,
          signs: generation === signing,
          ...certificateFacts(pem),
          ...(crossPem !== undefined && {
            crossCertificate: { by: vouchers.get(generation)!, ...certificateFacts(crossPem) },
          }),
        })),
      ),
    ),
  };
}

function clusterAnchor(
  name: string,
  { certManager, trustManager, helmTimeoutSeconds, trustDomain, trustAnchor }: ResolvedSettings,
  linkerdNamespace: pulumi.Output<string>,
  after: AfterCertManager,
): TrustAnchorSource {
  const { duration, renewBefore, protect } = trustAnchor;
  const distributor = trustManager.install
    ? [new TrustManager(`${name}-trust-manager`, { certManager, trustManager, helmTimeoutSeconds }, after)]
    : [];
  const canDisableRenewal = pulumi
    .output(certManager.chartVersion)
    .apply((chartVersion) => certManagerHas("disabledRenewal", { ...certManager, chartVersion }));
  const anchor = new ClusterTrustAnchor(
    `${name}-trust-anchor`,
    {
      duration,
      renewBefore,
      canDisableRenewal,
      certManagerNamespace: certManager.namespace,
      linkerdNamespace,
      trustDomain,
    },
    { ...after, protect, dependsOn: [...after.dependsOn, ...distributor] },
  );
  return {
    bundlePem: anchor.bundlePem.apply((text) => joinBundle([text])),
    trustRoots: { externalSha256: anchor.bundlePem.apply(bundleSha256) },
    issuerRef: anchor.issuerRef,
    components: [anchor],
    statuses: pulumi.all([anchor.bundlePem, anchor.certificatePem]).apply(([bundle, current]) => {
      const { fingerprintSha256 } = certificateFacts(current);
      return splitBundle(bundle).map((pem) => {
        const facts = certificateFacts(pem);
        const signs = facts.fingerprintSha256 === fingerprintSha256;
        return { name: signs ? trustAnchorName : previousTrustAnchorName, signs, ...facts };
      });
    }),
  };
}

/** Warnings of anchors whose end is near, in previews as well; those that are given are looked at with the settings. */
function endsOf(
  statuses: readonly TrustAnchorStatus[],
  { trustAnchor: { provided, source } }: ResolvedSettings,
  warnBefore: string,
): Finding[] {
  const field = source === "cluster" ? "trustAnchor.source" : "trustAnchor.generations";
  return statuses
    .filter(({ generation = 0 }) => provided[generation] === undefined)
    .flatMap(({ name, notBefore, notAfter }) =>
      checkAnchorEnd(
        { field, name: `The anchor ${name}`, from: new Date(notBefore), end: new Date(notAfter) },
        new Date(),
        warnBefore,
      ),
    );
}

/** Refuses to go on with a cross certificate that is about to end. */
function crossEndsOf(statuses: readonly TrustAnchorStatus[], issuerDuration: string): Finding[] {
  return statuses.flatMap(({ generation, crossCertificate }) => {
    if (crossCertificate === undefined || generation === undefined) return [];
    const { by, notAfter } = crossCertificate;
    const cross = { field: "trustAnchor.crossSign", generation, by, end: new Date(notAfter) };
    return [...checkCrossCertificateEnd(cross, issuerDuration, new Date())];
  });
}

/** The pod-security level of the mesh's namespaces. */
function levelOf(settings: ResolvedSettings): pulumi.Input<PodSecurityLevel> {
  const family = settings.controlPlane.family!;
  const enabled = cniEnabled(settings);
  if (!isLater(enabled)) return podSecurityLevel(family, enabled);
  // An encrypted setting; the level of a namespace can be seen by whoever sees the namespace.
  return pulumi.unsecret(enabled as pulumi.Output<unknown>).apply((value) => podSecurityLevel(family, value));
}
