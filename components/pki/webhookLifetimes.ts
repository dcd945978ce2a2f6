/** How long webhook certificates and their CA live, and how these lives must relate. */
import { durationSyntax, parseDuration } from "./duration.ts";
import type { Finding } from "./finding.ts";
import { broken } from "./rules.ts";

/** Ten years, renewed in the middle: neither is ever near its end, and the key is the same in both. */
export const webhookAuthorityLifetimes = { duration: "87600h", renewBefore: "43800h" } as const;

/** cert-manager's `MinimumCertificateDuration` and `MinimumRenewBefore`. */
const shortest = { webhookCertificateDuration: "1h", webhookCertificateRenewBefore: "5m" } as const;

/** Lifetimes of webhook certificates as Go durations, as far as they are known. */
export type WebhookLifetimes = { readonly [Field in keyof typeof shortest]?: string | undefined };

/** Checks lifetimes against each other, against cert-manager's bounds and against their CA's. */
export function checkWebhookLifetimes(lifetimes: WebhookLifetimes): Finding[] {
  const findings: Finding[] = [];
  const parsed = (field: keyof typeof shortest): bigint | undefined => {
    const text = lifetimes[field];
    if (text === undefined) return undefined;
    try {
      const nanoseconds = parseDuration(text);
      if (nanoseconds < parseDuration(shortest[field])) {
        findings.push(
          broken("webhook-lifetime", {
            field,
            message: `${text} is shorter than ${shortest[field]}, the least that cert-manager accepts.`,
            fix: `Set it to ${shortest[field]} or more.`,
          }),
        );
      }
      return nanoseconds;
    } catch (error) {
      findings.push(
        broken("webhook-lifetime", { field, message: (error as RangeError).message, fix: durationSyntax }),
      );
      return undefined;
    }
  };
  const duration = parsed("webhookCertificateDuration");
  const renewBefore = parsed("webhookCertificateRenewBefore");
  const longest = webhookAuthorityLifetimes.renewBefore;
  if (duration !== undefined && duration > parseDuration(longest)) {
    findings.push(
      broken("webhook-lifetime", {
        field: "webhookCertificateDuration",
        message: `${lifetimes.webhookCertificateDuration} is longer than ${longest}, the time that their CA has left at least: certificates would outlive it.`,
        fix: `Set it to 24h, or to another time up to ${longest}.`,
      }),
    );
  }
  if (duration !== undefined && renewBefore !== undefined && renewBefore >= duration) {
    findings.push(
      broken("webhook-lifetime", {
        field: "webhookCertificateRenewBefore",
        message: `${lifetimes.webhookCertificateRenewBefore} is not shorter than webhookCertificateDuration (${lifetimes.webhookCertificateDuration}): each certificate would be due for renewal as soon as it is issued.`,
        fix: "Make webhookCertificateRenewBefore shorter, or webhookCertificateDuration longer.",
      }),
    );
  }
  return findings;
}
