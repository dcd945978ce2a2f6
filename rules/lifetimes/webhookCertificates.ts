/** How long webhook certificates and their CA live, and how these lives must relate. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { parseDuration } from "./duration.ts";
import { checkRenewal, readDuration } from "./renewal.ts";

/** Ten years, renewed in the middle: neither is ever near its end, and the key is the same in both. */
export const webhookAuthorityLifetimes = { duration: "87600h", renewBefore: "43800h" } as const;

/** Lifetimes of webhook certificates as Go durations, as far as they are known. */
export interface WebhookLifetimes {
  readonly webhookCertificateDuration?: string | undefined;
  readonly webhookCertificateRenewBefore?: string | undefined;
}

/** Checks lifetimes against each other, against cert-manager's bounds and against their CA's. */
export function checkWebhookLifetimes(lifetimes: WebhookLifetimes): Finding[] {
  const findings: Finding[] = [];
  const read = (field: keyof WebhookLifetimes) => readDuration(field, lifetimes[field], findings);
  const duration = read("webhookCertificateDuration");
  findings.push(...checkRenewal(duration, read("webhookCertificateRenewBefore")));
  const longest = webhookAuthorityLifetimes.renewBefore;
  if (duration !== undefined && duration.nanoseconds > parseDuration(longest)) {
    findings.push(
      broken("webhook-outlives-authority", {
        field: duration.field,
        message: `${duration.text} is longer than ${longest}, the time that their CA has left at least: certificates would outlive it.`,
        fix: `Set it to 24h, or to another time up to ${longest}.`,
      }),
    );
  }
  return findings;
}
