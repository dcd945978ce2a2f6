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

/** A trust anchor that is given, not made. */
interface ProvidedTrustAnchor<Later extends object = object> {
  readonly certificatePem: string | Later;
  readonly privateKeyPem?: string | Later | undefined;
}

/** A cert-manager issuer that is there already. */
export interface IssuerReferenceSettings<Later extends object = object> {
  readonly name: string | Later;
  readonly kind?: string | Later | undefined;
  readonly group?: string | Later | undefined;
}

interface SecretKey<Later extends object> {
  readonly name: string | Later;
  readonly key: string | Later;
}

/** The Vault that signs. */
export interface VaultSettings<Later extends object = object> {
  readonly server: string | Later;
  readonly path: string | Later;
  readonly caBundlePem?: string | Later | undefined;
  readonly namespace?: string | Later | undefined;
  readonly auth: {
    readonly kubernetes?:
      | {
          readonly role: string | Later;
          readonly mountPath?: string | Later | undefined;
          readonly serviceAccount?: string | Later | undefined;
        }
      | undefined;
    readonly appRole?:
      | {
          readonly path: string | Later;
          readonly roleId: string | Later;
          readonly secretRef: SecretKey<Later>;
        }
      | undefined;
    readonly tokenSecretRef?: SecretKey<Later> | undefined;
  };
}

export interface Settings<Later extends object = object> {
  readonly clusterDomain: string | Later;
  readonly trustDomain: string | Later;
  readonly helmTimeoutSeconds: number | Later;
  readonly trustAnchor: {
    readonly source: "stack" | "cluster";
    readonly generations: readonly number[];
    readonly signing: number;
    readonly validityPeriodHours: number | Later;
    readonly provided: Readonly<Record<string, ProvidedTrustAnchor<Later>>>;
    readonly duration: string | Later;
    readonly renewBefore: string | Later;
    readonly protect: boolean;
  };
  readonly identityIssuer: {
    readonly source: "certManager" | "secret";
    readonly issuerRef?: IssuerReferenceSettings<Later> | undefined;
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
      readonly keepCrds: boolean | Later;
      readonly values: HelmValues;
    };
  readonly trustManager: ChartSettings<Later> & { readonly install: boolean; readonly values: HelmValues };
  readonly crds: ChartSettings<Later> & { readonly installGatewayApi: boolean; readonly values: HelmValues };
  readonly controlPlane: RepositorySettings<Later> & {
    readonly namespace: string | Later;
    readonly chart: string;
    readonly chartVersion: string;
    /** Follows from chart and version; `undefined` if they name no chart that is supported. */
    readonly family: ChartFamily | undefined;
    readonly highAvailability: boolean;
    readonly values: HelmValues;
  };
  readonly cni: {
    readonly install: boolean;
    readonly namespace: string | Later;
    readonly chart: string;
    readonly chartVersion: string;
    /** Follows from chart and version; `undefined` if they name no chart that is supported. */
    readonly version: SemVer | undefined;
    readonly values: HelmValues;
  };
  readonly viz: ChartSettings<Later> & {
    readonly install: boolean;
    readonly namespace: string | Later;
    readonly values: HelmValues;
  };
}

/** The setting that makes someone else than a trust anchor of this program sign the identity issuer, if there is one. */
export function signedElsewhere({ identityIssuer }: Settings): string | undefined {
  if (identityIssuer.vault !== undefined) return "identityIssuer.vault";
  if (identityIssuer.issuerRef !== undefined) return "identityIssuer.issuerRef";
  return identityIssuer.source === "secret" ? "identityIssuer.source" : undefined;
}
