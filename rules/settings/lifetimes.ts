/** Lifetimes among the settings, checked against each other as far as they are known. */

import { certManagerHas } from "../charts/certManager.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { checkLifetimes } from "../lifetimes/identityIssuer.ts";
import { checkRetries } from "../lifetimes/retries.ts";
import { checkWebhookLifetimes } from "../lifetimes/webhookCertificates.ts";
import { checkChart } from "./charts.ts";
import type { Settings } from "./settings.ts";

export function* checkSettingsLifetimes(settings: Settings): Iterable<Finding> {
  const { trustAnchor, identityIssuer, webhooks, certManager } = settings;
  const noCertificate = { duration: undefined, renewBefore: undefined };
  const issuer =
    identityIssuer.source === "secret" ? { ...identityIssuer, ...noCertificate } : identityIssuer;
  const { duration, generations, provided, validityPeriodHours } = trustAnchor;
  // The life of an anchor that is given is in its certificate.
  const isMade = generations.some((generation) => provided[generation] === undefined);
  const ownAnchor = certManagerHas("disabledRenewal", certManager) ? { duration } : trustAnchor;
  const found = [
    ...checkLifetimes(
      issuer,
      trustAnchor.source === "cluster" ? ownAnchor : isMade ? known(validityPeriodHours) : undefined,
    ),
    ...checkWebhookLifetimes(webhooks),
  ];
  yield* found;
  // One mistake is one finding: nothing is known of a chart that is not named rightly.
  if (certManager.install && [...checkChart("certManager", certManager, "certManager")].length > 0) return;
  const renewed = {
    "identityIssuer.renewBefore": issuer.renewBefore,
    "webhooks.certificateRenewBefore": webhooks.rotateCredentials
      ? webhooks.certificateRenewBefore
      : undefined,
  };
  for (const [field, setting] of Object.entries(renewed)) {
    const renewBefore = known(setting);
    if (renewBefore === undefined || found.some((finding) => finding.field === field)) continue;
    yield* checkRetries(field, renewBefore, certManager);
  }
}
