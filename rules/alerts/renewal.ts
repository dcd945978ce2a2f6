/** When a certificate should have been renewed: relative to its own time of renewal, as cert-manager-mixin has it. */
import { ofCertificates } from "./queries.ts";

/**
 * What is left of the time between a certificate's renewal and its end: `late` when 30 % of it have passed without one, as
 * cert-manager-mixin has it; `last` when half of the rest has passed as well. A rule such as "less than 21 days" fires for ever
 * on a certificate that lives two.
 */
export const windowLeft = { late: 0.7, last: 0.35 } as const;

/** The time that is left of certificates for which a renewal is scheduled, and has not come. */
export function notRenewed(names: readonly string[], share: number): string {
  const end = ofCertificates("expiration_timestamp_seconds", names);
  const renewal = ofCertificates("renewal_timestamp_seconds", names);
  // It is 0 where none is scheduled.
  return `(${end} - time()) < ${share} * (${end} - (${renewal} > 0))`;
}
