/** What a `RotatingLinkerd` is made from, and how that is resolved: once, at the door. */
import * as pulumi from "@pulumi/pulumi";
import { cniChartVersion } from "../rules/charts/cni.ts";
import { familyOf } from "../rules/charts/families.ts";
import type { HelmValues } from "../rules/charts/values.ts";
import { isPlainObject } from "../rules/known.ts";
import { defaults } from "../rules/settings/defaults.ts";
import type * as rules from "../rules/settings/settings.ts";

/** Every setting has a default, so that `{}` is a complete mesh. */
export interface RotatingLinkerdArgs {
  /** DNS domain of the cluster. Defaults to `cluster.local`. */
  readonly clusterDomain?: pulumi.Input<string> | undefined;
  /** Trust domain of the mesh: the end of every identity's name. Defaults to `clusterDomain`. */
  readonly trustDomain?: pulumi.Input<string> | undefined;
  /** Time that one Helm operation may take until it is rolled back, in seconds. Defaults to 600; at least 1. */
  readonly helmTimeoutSeconds?: pulumi.Input<number> | undefined;
  readonly trustAnchor?: TrustAnchorSettings | undefined;
  readonly identityIssuer?: IdentityIssuerSettings | undefined;
  readonly webhooks?: WebhookSettings | undefined;
  readonly certManager?: CertManagerSettings | undefined;
  readonly trustManager?: TrustManagerSettings | undefined;
  readonly crds?: LinkerdCrdsSettings | undefined;
  readonly controlPlane?: LinkerdControlPlaneSettings | undefined;
  readonly cni?: LinkerdCniSettings | undefined;
  readonly viz?: LinkerdVizSettings | undefined;
  readonly guard?: GuardSettings | undefined;
  readonly alerts?: AlertsSettings | undefined;
}

/** The mesh's trust anchors. */
export interface TrustAnchorSettings {
  /**
   * Where the trust anchor is made and kept: `stack`, by Pulumi, its key encrypted in the state; or `cluster`, by
   * cert-manager, with trust-manager to distribute it. Defaults to `stack`. A change would replace the anchor, which
   * protection refuses.
   */
  readonly source?: "stack" | "cluster" | undefined;
  /**
   * The generations of the trust anchor that the mesh trusts, oldest first: rising whole numbers from 1 on. Defaults to
   * [1]. A new number makes a new anchor; a number that is gone deletes that anchor, which must not be protected then.
   */
  readonly generations?: readonly number[] | undefined;
  /**
   * The generation that signs the identity issuer, one of `generations`. Defaults to 1. It has no effect if someone else
   * signs (`identityIssuer.issuerRef`, `identityIssuer.vault`, `identityIssuer.source: "secret"`).
   *
   * A new generation can sign at once if an older one that is listed vouches for it (`crossSign`); else only after every
   * pod of the mesh has been restarted with it in its bundle.
   */
  readonly signing?: number | undefined;
  /**
   * Whether the generations before the signing one vouch for it: each that is listed signs the next one's subject and key,
   * and these cross certificates go into every proxy's chain, so that whoever trusts one of the generations accepts what
   * the newest signs. Defaults to true; no effect while the oldest generation signs. It takes the older one's key, or
   * `provided.<generation>.crossCertificatePem`; where there is neither, nothing vouches.
   */
  readonly crossSign?: boolean | undefined;
  /**
   * Generations whose key may be in someone else's hands, each one of `generations` and older than the signing one. Defaults
   * to none. Each leaves the bundle at once, and vouches for nobody; it goes for good when it leaves `generations`. A pod
   * that trusts nothing else refuses everyone who does not, and is refused, until it is restarted.
   */
  readonly distrusted?: readonly number[] | undefined;
  /**
   * Life that must be left of a generation that begins to vouch for the next one, as a Go duration: time for every pod of
   * the mesh to be restarted once. Defaults to 2160h, 90 days. At the end of a cross certificate that is still in use, every
   * proxy of the mesh fails.
   */
  readonly rotationAllowance?: pulumi.Input<string> | undefined;
  /**
   * Life of each anchor in hours. Defaults to 87600 (ten years); longer than the issuer's `duration` and
   * `issuanceLifetime` together. A change would replace every anchor, which protection refuses.
   */
  readonly validityPeriodHours?: pulumi.Input<number> | undefined;
  /**
   * Anchors that are given, not made, by their generation, each one of `generations`. Defaults to none. An anchor without
   * its key is trusted, but cannot sign. A certificate may be renewed with the same subject and key; any other change
   * would replace the anchor, which protection refuses.
   */
  readonly provided?: Readonly<Record<string, ProvidedTrustAnchor>> | undefined;
  /** With the source `cluster`: life of the anchor, as a Go duration. Defaults to 87600h. A change would replace it. */
  readonly duration?: pulumi.Input<string> | undefined;
  /**
   * With the source `cluster`, and a cert-manager that is older than 1.21.1 or not installed here: time before its end at
   * which cert-manager replaces an anchor that nobody has rotated, as a Go duration. Defaults to 168h; at most 720h, longer
   * than the issuer's `duration`, `issuanceLifetime` and `clockSkewAllowance` together, and at least 8040h shorter than
   * `duration`. Elsewhere cert-manager never replaces it, and this has no effect.
   */
  readonly renewBefore?: pulumi.Input<string> | undefined;
  /**
   * Time before the end of an anchor from which on it is warned of, as a Go duration. Defaults to 4380h, half a year; 0
   * for never. An anchor is not warned of in the first half of its life, unless 60 days or less are left, of which
   * `linkerd check` warns as well.
   */
  readonly warnBefore?: pulumi.Input<string> | undefined;
  /**
   * Whether Pulumi refuses to delete or replace anything of an anchor on which the mesh lives: of the generation that
   * signs, and of those that vouch for it; if someone else signs, of the only one that is listed. Defaults to true. Any other
   * generation is about to join the bundle or to leave it.
   */
  readonly protect?: boolean | undefined;
}

/** The mesh's identity issuer: who signs it, who keeps it, and how it lives. */
export interface IdentityIssuerSettings {
  /**
   * Who keeps the Secret `linkerd-identity-issuer`: `certManager`, by a Certificate of this program; or `secret`, someone
   * else, whose Secret is awaited and checked. Defaults to `certManager`.
   */
  readonly source?: "certManager" | "secret" | undefined;
  /**
   * The cert-manager issuer that signs the identity issuer. Absent: the trust anchor of the signing generation does.
   *
   * It must be on the cluster and Ready, answer with an authority (not a leaf), and lead to an anchor of the bundle.
   */
  readonly issuerRef?: IdentityIssuerRef | undefined;
  /** The Vault that signs the identity issuer; an Issuer for it is made. Absent: none. */
  readonly vault?: VaultSettings | undefined;
  /** Life of the issuer's certificate, as a Go duration. Defaults to 48h; at least 1h (cert-manager), and longer than `renewBefore`. */
  readonly duration?: pulumi.Input<string> | undefined;
  /**
   * Time before its end at which cert-manager renews it, as a Go duration. Defaults to 25h; at least 5m (cert-manager),
   * and longer than `issuanceLifetime` and `clockSkewAllowance` together.
   */
  readonly renewBefore?: pulumi.Input<string> | undefined;
  /**
   * Life of the certificate that a proxy gets, as a Go duration. Defaults to 24h. With `clockSkewAllowance` it must be
   * shorter than `renewBefore`.
   */
  readonly issuanceLifetime?: pulumi.Input<string> | undefined;
  /** By how much the clocks of the cluster may differ, as a Go duration. Defaults to 20s. */
  readonly clockSkewAllowance?: pulumi.Input<string> | undefined;
}

/** What an input can be, other than a text. */
type Later = Exclude<pulumi.Input<string>, string>;
export type ProvidedTrustAnchor = rules.ProvidedTrustAnchor<Later>;
export type IdentityIssuerRef = rules.IdentityIssuerRef<Later>;
export type VaultSettings = rules.VaultSettings<Later>;
export type VaultKubernetesLogin = rules.VaultKubernetesLogin<Later>;

/** Credentials of the servers that the API server calls: the control plane's webhooks, and viz's. */
export interface WebhookSettings {
  /**
   * Whether cert-manager keeps the webhooks' credentials. Defaults to true; with false, the chart makes new self-signed
   * ones, for a year, at each of its upgrades, which restarts the control plane. Linkerd before 2.12 takes only false.
   */
  readonly rotateCredentials?: boolean | undefined;
  /**
   * Life of each webhook's certificate, as a Go duration. Defaults to 24h; at least 1h (cert-manager), at most 43800h,
   * and longer than `certificateRenewBefore`.
   */
  readonly certificateDuration?: pulumi.Input<string> | undefined;
  /**
   * Time before its end at which cert-manager renews it, as a Go duration. Defaults to 8h, in which three failed tries are
   * survived, however cert-manager is configured; at least 5m (cert-manager).
   */
  readonly certificateRenewBefore?: pulumi.Input<string> | undefined;
}

/** The chart of a group, which says where it comes from and what it is by default. */
interface ChartSettings {
  /** The chart: a name in the repository, a reference `oci://…`, or a relative path. */
  readonly chart?: string | undefined;
  /** Exact version of the chart; not used for a local archive, which has its own. */
  readonly chartVersion?: pulumi.Input<string> | undefined;
  /** More Helm values. They win over the chart's, but for those that the group names. */
  readonly values?: HelmValues | undefined;
}

/** The repository of the charts that are names. */
interface RepositorySettings {
  /** Its URL; the group says what it is by default. */
  readonly chartRepository?: pulumi.Input<string> | undefined;
  /** User name for it, if it is private. */
  readonly chartRepositoryUsername?: pulumi.Input<string> | undefined;
  /** Password or token for it, as a secret. */
  readonly chartRepositoryPassword?: pulumi.Input<string> | undefined;
}

/**
 * cert-manager, and the repository of its and trust-manager's charts.
 *
 * Defaults to the chart `cert-manager` v1.21.2 of https://charts.jetstack.io. The values `crds` and
 * `startupapicheck.enabled` are not yours to change. From 1.21 on, it gets `config.certificateRequestMaximumBackoffDuration`
 * 1h where its values do not say otherwise.
 */
export interface CertManagerSettings extends ChartSettings, RepositorySettings {
  /** Whether to install cert-manager. Defaults to true; with false, the cluster must have one that is ready. */
  readonly install?: boolean | undefined;
  /** Namespace of cert-manager. Defaults to `cert-manager`. */
  readonly namespace?: pulumi.Input<string> | undefined;
  /** Whether to make that namespace. Defaults to true; one that is there before is used with false, and never deleted. */
  readonly createNamespace?: boolean | undefined;
  /**
   * Whether the custom resource definitions survive the removal of what they belong to. Defaults to false.
   *
   * Without them, every Certificate, Issuer and Bundle of the whole cluster is deleted, whoever made it.
   */
  readonly keepCrds?: pulumi.Input<boolean> | undefined;
}

/**
 * trust-manager, which `trustAnchor.source: "cluster"` needs.
 *
 * Defaults to the chart `trust-manager` v0.24.0 of `certManager.chartRepository`. The values `app.trust.namespace` and
 * `crds` are not yours to change.
 */
export interface TrustManagerSettings extends ChartSettings {
  /** Whether to install it. Defaults to true; with false, the cluster must have one whose trust namespace is `certManager.namespace`. */
  readonly install?: boolean | undefined;
}

/**
 * Linkerd's definitions, which from Linkerd 2.12 on have a chart of their own.
 *
 * Defaults to the chart `linkerd-crds` 2026.8.3 of `controlPlane.chartRepository`.
 */
export interface LinkerdCrdsSettings extends ChartSettings {
  /**
   * Whether linkerd-crds installs the Gateway API's definitions, which are then that release's alone. Defaults to false:
   * they are someone else's, and Linkerd from edge-25.3 on needs them on the cluster. Its charts leave them there once
   * they are installed. Linkerd before 2.14 has none.
   */
  readonly installGatewayApi?: boolean | undefined;
}

/**
 * Linkerd's control plane, and the repository of all of Linkerd's charts.
 *
 * Defaults to the chart `linkerd-control-plane` 2026.8.3 of https://helm.linkerd.io/edge. `linkerd2` of Linkerd 2.10 and
 * 2.11 has the definitions in it. The values follow from the chart's name and version. More values win over those of
 * `highAvailability`, too, and may not touch the credentials. Values that the chart would ignore are refused.
 */
export interface LinkerdControlPlaneSettings extends ChartSettings, RepositorySettings {
  /** Namespace of the control plane. Defaults to `linkerd`. */
  readonly namespace?: pulumi.Input<string> | undefined;
  /**
   * Whether to make that namespace. Defaults to true; one that is there before is used with false, gets the labels and the
   * annotation that Linkerd needs, and is never deleted.
   */
  readonly createNamespace?: boolean | undefined;
  readonly chartVersion?: string | undefined;
  /**
   * Whether each workload of the control plane has three replicas on three nodes, as upstream's values-ha.yaml says.
   * Defaults to false.
   */
  readonly highAvailability?: boolean | undefined;
}

/**
 * Linkerd's CNI plugin.
 *
 * Defaults to the chart `linkerd2-cni` 2026.8.3 of `controlPlane.chartRepository`; 2.10.0 is the oldest. Ports and user of
 * the proxies are those of the control plane's values; others, and values that the chart would ignore, are refused.
 */
export interface LinkerdCniSettings extends ChartSettings {
  /**
   * Whether to install it, in place of an init container that needs rights over each pod's network. Defaults to false. The
   * control plane gets `cniEnabled`, and its namespace the pod-security level `restricted` from Linkerd 2.13 on. For a
   * plugin that is someone else's, set `cniEnabled` among the control plane's values instead.
   */
  readonly install?: boolean | undefined;
  /** Its namespace. Defaults to `linkerd-cni`. */
  readonly namespace?: pulumi.Input<string> | undefined;
  /** Whether to make that namespace. Defaults to true; one that is there before is used with false, and never deleted. */
  readonly createNamespace?: boolean | undefined;
  readonly chartVersion?: string | undefined;
}

/**
 * Linkerd's viz extension: metrics, tap and a dashboard.
 *
 * Defaults to the chart `linkerd-viz` 2026.8.3 of `controlPlane.chartRepository`. More values may not touch its credentials,
 * and values that the chart would ignore are refused.
 */
export interface LinkerdVizSettings extends ChartSettings {
  /** Whether to install it. Defaults to false; needs Linkerd 2.12 or newer. */
  readonly install?: boolean | undefined;
  /** Its namespace. Defaults to `linkerd-viz`. */
  readonly namespace?: pulumi.Input<string> | undefined;
  /** Whether to make that namespace. Defaults to true; one that is there before is used with false, and never deleted. */
  readonly createNamespace?: boolean | undefined;
}

/** The guard of the mesh's credentials against edits by hand. */
export interface GuardSettings {
  /**
   * Whether to install it: an admission policy with which the API server refuses whoever changes the identity issuer, a trust
   * anchor or the bundle by hand. Defaults to false; needs Kubernetes 1.30 or newer. Pulumi writes as before, with
   * whichever user.
   */
  readonly install?: boolean | undefined;
  /**
   * Users and groups that may write there in whichever way, besides cert-manager and trust-manager: `system:serviceaccount:velero:velero`.
   * Defaults to none. Every ServiceAccount of `certManager.namespace` may, since cert-manager is one of them.
   */
  readonly writers?: readonly string[] | undefined;
}

/** What tells of trouble with the credentials, for a Prometheus that the Prometheus Operator runs, and for Grafana. */
export interface AlertsSettings {
  /**
   * Whether to make the alerts (a PrometheusRule) and a dashboard (a ConfigMap with the label `grafana_dashboard: "1"`), and to
   * have the charts of Linkerd and cert-manager make their PodMonitors. Defaults to false; needs Linkerd 2.12 or newer, and the operator's definitions.
   */
  readonly install?: boolean | undefined;
  /**
   * Labels of the PrometheusRule and the PodMonitors, by which a Prometheus may select them, such as
   * `{ release: "kube-prometheus-stack" }`. Defaults to none.
   */
  readonly labels?: Readonly<Record<string, pulumi.Input<string>>> | undefined;
}

/**
 * Settings with every default filled in. What is plain is as it was given; all else is an Output, of a type that fits
 * wherever an Input is taken.
 */
export type ResolvedSettings = rules.Settings<pulumi.Output<never>>;

/** Fills in every default, and finds the family of each chart. Nothing is checked: `checkSettings` does that. */
export function resolve(args: RotatingLinkerdArgs): ResolvedSettings {
  const settings = Object.fromEntries(
    Object.entries({ ...defaults, trustDomain: undefined }).map(([name, standard]) => [
      name,
      withDefault(args[name as keyof RotatingLinkerdArgs], standard),
    ]),
  ) as unknown as ResolvedSettings;
  const { clusterDomain, trustDomain, controlPlane, cni } = settings;
  return {
    ...settings,
    trustDomain: trustDomain ?? clusterDomain,
    controlPlane: { ...controlPlane, family: familyOf(controlPlane.chart, controlPlane.chartVersion) },
    cni: { ...cni, version: cniChartVersion(cni.chart, cni.chartVersion) },
  };
}

/** A copy of arguments or settings with a value at a path, such as `trustDomain` or `controlPlane.namespace`. */
export function withSetting<All extends object>(all: All, path: string, value: unknown): All {
  const [group, ...inner] = path.split(".") as [keyof All, ...string[]];
  return {
    ...all,
    [group]: inner.length === 0 ? value : withSetting(all[group] ?? {}, inner.join("."), value),
  };
}

/** What is set, or else the default; of a group, each setting by itself. A promise becomes an Output. */
function withDefault(value: unknown, standard: unknown): unknown {
  if (!isPlainObject(standard)) return later(value) ?? standard;
  const set = Object.entries(value ?? {}).filter(([, setting]) => setting !== undefined);
  return { ...standard, ...Object.fromEntries(set.map(([name, setting]) => [name, later(setting)])) };
}

const later = (value: unknown) => (value instanceof Promise ? pulumi.output(value) : value);
