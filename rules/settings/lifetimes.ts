/** Lifetimes among the settings, checked against each other as far as they are known. */
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { checkClusterAnchorLifetimes } from "../lifetimes/clusterTrustAnchor.ts";
import { checkLifetimes } from "../lifetimes/identityIssuer.ts";
import { checkWebhookLifetimes } from "../lifetimes/webhookCertificates.ts";
import type { Settings } from "./settings.ts";

export function checkSettingsLifetimes({ trustAnchor, identityIssuer, webhooks }: Settings): Finding[] {
  const hasCertificate = identityIssuer.source !== "secret";
  const onCluster = trustAnchor.source === "cluster";
  const issuer = {
    duration: hasCertificate ? known(identityIssuer.duration) : undefined,
    renewBefore: hasCertificate ? known(identityIssuer.renewBefore) : undefined,
    issuanceLifetime: known(identityIssuer.issuanceLifetime),
    clockSkewAllowance: known(identityIssuer.clockSkewAllowance),
  };
  return [
    ...checkLifetimes(issuer, onCluster ? undefined : known(trustAnchor.validityPeriodHours)),
    ...(onCluster
      ? checkClusterAnchorLifetimes(
          { duration: known(trustAnchor.duration), renewBefore: known(trustAnchor.renewBefore) },
          issuer,
        )
      : []),
    ...checkWebhookLifetimes({
      duration: known(webhooks.certificateDuration),
      renewBefore: known(webhooks.certificateRenewBefore),
    }),
  ];
}
