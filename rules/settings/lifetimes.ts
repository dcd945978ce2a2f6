/** Lifetimes among the settings, checked against each other as far as they are known. */
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { checkLifetimes } from "../lifetimes/identityIssuer.ts";
import { checkWebhookLifetimes } from "../lifetimes/webhookCertificates.ts";
import type { Settings } from "./settings.ts";

export function* checkSettingsLifetimes(settings: Settings): Iterable<Finding> {
  const { trustAnchor, identityIssuer, webhooks } = settings;
  const noCertificate = { duration: undefined, renewBefore: undefined };
  const { generations, provided, validityPeriodHours } = trustAnchor;
  // The life of an anchor that is given is in its certificate.
  const isMade = generations.some((generation) => provided[generation] === undefined);
  yield* checkLifetimes(
    identityIssuer.source === "secret" ? { ...identityIssuer, ...noCertificate } : identityIssuer,
    trustAnchor.source === "cluster" ? trustAnchor : isMade ? known(validityPeriodHours) : undefined,
  );
  yield* checkWebhookLifetimes(webhooks);
}
