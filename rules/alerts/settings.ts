/** What alerts follow from, of a mesh's settings. */

import { durationMilliseconds } from "../lifetimes/duration.ts";
import {
  controlPlaneWebhooks,
  identityIssuerName,
  trustAnchorName,
  vizWebhooks,
  webhookAuthorityName,
} from "../linkerdNames.ts";
import type { Settings } from "../settings/settings.ts";

export interface AlertSettings {
  /** Namespace of the control plane. */
  readonly namespace: string;
  /** Names of the Certificates that cert-manager keeps for the webhooks; none if the chart makes their credentials. */
  readonly webhookCertificates: readonly string[];
  /** Whether cert-manager keeps the identity issuer. */
  readonly hasIssuerCertificate: boolean;
  /** Whether cert-manager keeps the trust anchor. */
  readonly hasAnchorCertificate: boolean;
  /** Go durations. */
  readonly issuerDuration: string;
  readonly issuerRenewBefore: string;
  readonly issuanceLifetime: string;
  readonly rotationAllowance: string;
}

/** Those of settings that are known. */
export type KnownSettings = Pick<
  AlertSettings,
  "namespace" | "issuerDuration" | "issuerRenewBefore" | "issuanceLifetime" | "rotationAllowance"
>;

export function alertSettings(
  { identityIssuer, trustAnchor, webhooks, viz }: Settings,
  known: KnownSettings,
): AlertSettings {
  const servers = [...controlPlaneWebhooks, ...(viz.install ? vizWebhooks : [])];
  return {
    ...known,
    webhookCertificates: webhooks.rotateCredentials
      ? [webhookAuthorityName, ...servers.map(({ serviceName }) => serviceName)]
      : [],
    hasIssuerCertificate: identityIssuer.source === "certManager",
    hasAnchorCertificate: trustAnchor.source === "cluster",
  };
}

/** Names of all Certificates of the mesh. */
export const certificatesOf = (settings: AlertSettings): readonly string[] => [
  ...(settings.hasIssuerCertificate ? [identityIssuerName] : []),
  ...(settings.hasAnchorCertificate ? [trustAnchorName] : []),
  ...settings.webhookCertificates,
];

export const secondsOf = (duration: string): number => durationMilliseconds(duration) / 1000;
