/** Which issuer signs the mesh's identity issuer, where it is none of this program's own anchors. */
import type * as pulumi from "@pulumi/pulumi";
import type { IssuerReference } from "./certManagerObjects.ts";
import type { Finding } from "./pki/finding.ts";
import { broken } from "./pki/rules.ts";
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

/** What signs the identity issuer in place of a trust anchor of this program; at most one of these. */
export interface IssuerSourceSettings {
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

/** Whether another issuer than an anchor of this program signs, so that `signingGeneration` has no effect. */
export function isSignedElsewhere(settings: IssuerSourceSettings): boolean {
  return settings.identityIssuerRef !== undefined || settings.vaultIssuer !== undefined;
}

/** Checks what is plain of where the identity issuer comes from. */
export function checkIssuerSource({ identityIssuerRef, vaultIssuer }: IssuerSourceSettings): Finding[] {
  const findings: Finding[] = [];
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
