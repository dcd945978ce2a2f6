/**
 * Everything that can be set of a mesh, resolved: every default is filled in, and every chart is known by its family.
 *
 * A value that only the engine will know – an Output of Pulumi's – is of the type `Later`: the rules are blind to it,
 * and `known` passes it by. `components/rotatingLinkerdArgs.ts` documents each setting.
 */
import type { SemVer } from "semver";
import type { ChartFamily } from "../charts/families.ts";
import type { HelmValues } from "../charts/values.ts";

/** Which chart is installed. */
export interface ChartSettings<Later extends object = object> {
  readonly chart: string;
  readonly chartVersion: string | Later;
}

/** The repository of the charts that are names. */
export interface RepositorySettings<Later extends object = object> {
  readonly chartRepository: string | Later;
  readonly chartRepositoryUsername?: string | Later | undefined;
  readonly chartRepositoryPassword?: string | Later | undefined;
}

/** One anchor that is given, not made. */
export interface ProvidedTrustAnchor<Later extends object = object> {
  /** Its certificate in PEM, alone: P-256, or RSA of 2048 or 4096 bits. */
  readonly certificatePem: string | Later;
  /** Its private key in PEM, which becomes a secret. Absent: the anchor is trusted, but cannot sign. */
  readonly privateKeyPem?: string | Later | undefined;
  /**
   * Its cross certificate in PEM: the same subject and key, signed by the generation before it in the list. Absent: made
   * with that one's key, if that is at hand.
   */
  readonly crossCertificatePem?: string | Later | undefined;
}

/** A cert-manager issuer that is there already, of any group and kind. */
export interface IdentityIssuerRef<Later extends object = object> {
  readonly name: string | Later;
  /** Defaults to `Issuer`, which is in the control plane's namespace; a `ClusterIssuer` is in none. */
  readonly kind?: string | Later | undefined;
  /** Defaults to `cert-manager.io`; an external issuer has a group of its own, such as `awspca.cert-manager.io`. */
  readonly group?: string | Later | undefined;
}

/** Which Vault signs, and how to reach it. */
export interface VaultSettings<Later extends object = object> {
  /** URL of the server, with `https://`. */
  readonly server: string | Later;
  /** What signs: `<mount>/root/sign-intermediate` or `<mount>/issuer/<name>/sign-intermediate`. */
  readonly path: string | Later;
  /** Authorities that verify the server, in PEM. Absent: those of cert-manager's container. */
  readonly caBundlePem?: string | Later | undefined;
  /** Vault Enterprise's namespace. Absent: none. */
  readonly namespace?: string | Later | undefined;
  /** How cert-manager logs in to Vault: exactly one of these. Secrets are named, never given. */
  readonly auth: {
    /** With a ServiceAccount's token, which is made for each login: nothing has to be kept anywhere. */
    readonly kubernetes?: VaultKubernetesLogin<Later> | undefined;
    /** With an AppRole, whose secret ID is in a Secret. */
    readonly appRole?: VaultAppRoleLogin<Later> | undefined;
    /** With a token in a Secret, which nobody renews. */
    readonly tokenSecretRef?: SecretKeyReference<Later> | undefined;
  };
}

export interface VaultKubernetesLogin<Later extends object = object> {
  /** Vault's role, whose `audience` is `vault://<control plane's namespace>/linkerd-identity-vault`. */
  readonly role: string | Later;
  /** Where Vault has the method, with `/v1/`. Defaults to `/v1/auth/kubernetes`. */
  readonly mountPath?: string | Later | undefined;
  /** A ServiceAccount of the control plane's namespace. Absent: `linkerd-identity-vault` is made. */
  readonly serviceAccount?: string | Later | undefined;
}

interface VaultAppRoleLogin<Later extends object> {
  /** Where Vault has the method, such as `approle`. */
  readonly path: string | Later;
  readonly roleId: string | Later;
  readonly secretRef: SecretKeyReference<Later>;
}

/** One key of a Secret in the control plane's namespace. */
interface SecretKeyReference<Later extends object> {
  readonly name: string | Later;
  readonly key: string | Later;
}

export interface Settings<Later extends object = object> {
  readonly clusterDomain: string | Later;
  readonly trustDomain: string | Later;
  readonly helmTimeoutSeconds: number | Later;
  readonly trustAnchor: {
    readonly source: "stack" | "cluster";
    readonly generations: readonly number[];
    readonly signing: number;
    readonly crossSign: boolean;
    readonly distrusted: readonly number[];
    readonly rotationAllowance: string | Later;
    readonly validityPeriodHours: number | Later;
    readonly provided: Readonly<Record<string, ProvidedTrustAnchor<Later>>>;
    readonly duration: string | Later;
    readonly renewBefore: string | Later;
    readonly warnBefore: string | Later;
    readonly protect: boolean;
  };
  readonly identityIssuer: {
    readonly source: "certManager" | "secret";
    readonly issuerRef?: IdentityIssuerRef<Later> | undefined;
    readonly vault?: VaultSettings<Later> | undefined;
    readonly duration: string | Later;
    readonly renewBefore: string | Later;
    readonly issuanceLifetime: string | Later;
    readonly clockSkewAllowance: string | Later;
  };
  readonly webhooks: {
    readonly rotateCredentials: boolean;
    readonly certificateDuration: string | Later;
    readonly certificateRenewBefore: string | Later;
  };
  readonly certManager: ChartSettings<Later> &
    RepositorySettings<Later> & {
      readonly install: boolean;
      readonly namespace: string | Later;
      readonly createNamespace: boolean;
      readonly keepCrds: boolean | Later;
      readonly values: HelmValues;
    };
  readonly trustManager: ChartSettings<Later> & { readonly install: boolean; readonly values: HelmValues };
  readonly crds: ChartSettings<Later> & { readonly installGatewayApi: boolean; readonly values: HelmValues };
  readonly controlPlane: ChartSettings<never> &
    RepositorySettings<Later> & {
      readonly namespace: string | Later;
      readonly createNamespace: boolean;
      /** Follows from chart and version; `undefined` if they name no chart that is supported. */
      readonly family: ChartFamily | undefined;
      readonly highAvailability: boolean;
      readonly values: HelmValues;
    };
  readonly cni: ChartSettings<never> & {
    readonly install: boolean;
    readonly namespace: string | Later;
    readonly createNamespace: boolean;
    /** Follows from chart and version; `undefined` if they name no chart that is supported. */
    readonly version: SemVer | undefined;
    readonly values: HelmValues;
  };
  readonly viz: ChartSettings<Later> & {
    readonly install: boolean;
    readonly namespace: string | Later;
    readonly createNamespace: boolean;
    readonly values: HelmValues;
  };
  readonly guard: { readonly install: boolean; readonly writers: readonly string[] };
  readonly alerts: {
    readonly install: boolean;
    readonly labels: Readonly<Record<string, string | Later>>;
  };
}

/** The setting that makes someone else than a trust anchor of this program sign the identity issuer, if there is one. */
export function signedElsewhere({ identityIssuer }: Settings): string | undefined {
  if (identityIssuer.vault !== undefined) return "identityIssuer.vault";
  if (identityIssuer.issuerRef !== undefined) return "identityIssuer.issuerRef";
  return identityIssuer.source === "secret" ? "identityIssuer.source" : undefined;
}

/** The generation that signs the identity issuer; `undefined` if none of them does. */
export function signingGeneration(settings: Settings): number | undefined {
  const { source, signing } = settings.trustAnchor;
  return source === "stack" && signedElsewhere(settings) === undefined ? signing : undefined;
}

/** The generations that are listed, and that the mesh no longer trusts; none where someone else signs. */
export function distrustedGenerations(settings: Settings): readonly number[] {
  return signingGeneration(settings) === undefined ? [] : settings.trustAnchor.distrusted;
}
