/** Which issuer signs the mesh's identity issuer, where it is none of this program's own anchors. */
import type * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import {
  defaultIssuerDuration,
  defaultIssuerRenewBefore,
  type IdentityIssuerSettings,
} from "./identityIssuer.ts";
import type { IssuerReference } from "./objects/certManager.ts";
import { checkParts } from "./settingParts.ts";
import { plain } from "./settings.ts";
import { checkVaultIssuer, type VaultIssuerSettings } from "./vaultIssuer.ts";

const certManagerGroup = "cert-manager.io";

/** A cert-manager issuer that is there already, of any group and kind. */
export interface IdentityIssuerRef {
  /** Its name. */
  readonly name: pulumi.Input<string>;
  /** Its kind. Defaults to `Issuer`, which is in the control plane's namespace; `ClusterIssuer` belongs to none. */
  readonly kind?: pulumi.Input<string> | undefined;
  /** Its API group. Defaults to `cert-manager.io`; another one is an external issuer's, such as `awspca.cert-manager.io`. */
  readonly group?: pulumi.Input<string> | undefined;
}

/** Where the identity issuer comes from; at most one of what is not the default. */
export interface IssuerSourceSettings {
  /**
   * Who keeps the Secret `linkerd-identity-issuer`: `certManager`, by a Certificate of this program; or `secret`, someone
   * else, whose Secret is awaited and checked. Defaults to `certManager`.
   */
  readonly identityIssuerSource?: string | undefined;
  /**
   * The cert-manager issuer that signs the identity issuer. Absent: the trust anchor of `signingGeneration` does.
   *
   * It must be on the cluster and Ready, answer with an authority (not a leaf), and lead to an anchor of the bundle.
   */
  readonly identityIssuerRef?: IdentityIssuerRef | undefined;
  /** The Vault that signs the identity issuer; an Issuer for it is made. Absent: none. */
  readonly vaultIssuer?: VaultIssuerSettings | undefined;
}

/** The reference as cert-manager takes it. */
export function issuerReferenceOf(ref: IdentityIssuerRef): IssuerReference {
  return { group: ref.group ?? certManagerGroup, kind: ref.kind ?? "Issuer", name: ref.name };
}

/** The setting by which another issuer signs than an anchor of this program; `signingGeneration` has no effect then. */
export function signedElsewhere(settings: IssuerSourceSettings): keyof IssuerSourceSettings | undefined {
  if (settings.vaultIssuer !== undefined) return "vaultIssuer";
  if (settings.identityIssuerRef !== undefined) return "identityIssuerRef";
  return settings.identityIssuerSource === "secret" ? "identityIssuerSource" : undefined;
}

/** Checks what is plain of where the identity issuer comes from. */
export function checkIssuerSource(settings: IssuerSourceSettings & IdentityIssuerSettings): Finding[] {
  const { identityIssuerRef, vaultIssuer, identityIssuerSource = "certManager" } = settings;
  const findings: Finding[] = [];
  if (identityIssuerSource !== "certManager" && identityIssuerSource !== "secret") {
    findings.push(
      broken("identity-issuer-source", {
        field: "identityIssuerSource",
        message: `"${identityIssuerSource}" is not who keeps the identity issuer: that is certManager or secret.`,
        fix: "Set it to certManager, or to secret where someone else writes the Secret linkerd-identity-issuer.",
      }),
    );
  }
  if (identityIssuerSource === "secret") findings.push(...checkUnused(settings));
  if (identityIssuerRef !== undefined && vaultIssuer !== undefined) {
    findings.push(
      broken("one-issuer-source", {
        field: "vaultIssuer",
        message: "identityIssuerRef is set as well, and one Certificate has one issuer.",
        fix: "Remove one of them.",
      }),
    );
  }
  if (identityIssuerRef !== undefined) findings.push(...checkReference(identityIssuerRef));
  if (vaultIssuer !== undefined) findings.push(...checkVaultIssuer(vaultIssuer));
  return findings;
}

/** Refuses what says how this program's Certificate is made, where it makes none. */
function checkUnused(settings: IssuerSourceSettings & IdentityIssuerSettings): Finding[] {
  const defaults = {
    identityIssuerRef: undefined,
    vaultIssuer: undefined,
    issuerDuration: defaultIssuerDuration,
    issuerRenewBefore: defaultIssuerRenewBefore,
  };
  return Object.entries(defaults)
    .filter(
      ([field, standard]) =>
        ![undefined, standard].includes(settings[field as keyof typeof defaults] as never),
    )
    .map(([field]) =>
      broken("other-identity-issuer-source", {
        field,
        message: "It says how a Certificate is made, and with identityIssuerSource: secret there is none.",
        fix: "Remove it, or set identityIssuerSource to certManager.",
      }),
    );
}

function checkReference(ref: IdentityIssuerRef): Finding[] {
  const field = "identityIssuerRef";
  const shape = checkParts(field, ref, ["name"], ["kind", "group"]);
  const [group, kind] = [plain(ref.group ?? certManagerGroup), plain(ref.kind ?? "Issuer")];
  if (shape.length > 0 || group !== certManagerGroup || kind === undefined) return shape;
  if (kind === "Issuer" || kind === "ClusterIssuer") return [];
  return [
    broken("issuer-kind", {
      field: `${field}.kind`,
      message: `${certManagerGroup} has no kind "${kind}", only Issuer and ClusterIssuer.`,
      fix: "Write one of them, or set group to that of the external issuer.",
    }),
  ];
}
