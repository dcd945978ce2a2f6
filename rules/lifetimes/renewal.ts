/** What cert-manager asks of the life and the renewal of every Certificate, and how a setting's duration is read. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { durationSyntax, parseDuration } from "./duration.ts";

/** cert-manager's `MinimumCertificateDuration`. */
const shortestDuration = "1h";

/** cert-manager's `MinimumRenewBefore`. */
const shortestRenewBefore = "5m";

/** A duration, with the setting that it comes from. */
export interface NamedDuration {
  readonly field: string;
  readonly text: string;
  readonly nanoseconds: bigint;
}

/** Reads a setting's duration. Gives `undefined` if it is not known, or is not a duration, which is a finding. */
export function readDuration(
  field: string,
  text: string | undefined,
  findings: Finding[],
): NamedDuration | undefined {
  if (text === undefined) return undefined;
  try {
    return { field, text, nanoseconds: parseDuration(text) };
  } catch (error) {
    findings.push(
      broken("duration-syntax", { field, message: (error as RangeError).message, fix: durationSyntax }),
    );
    return undefined;
  }
}

/** Checks a Certificate's `duration` and `renewBefore`, as far as they are known. */
export function checkRenewal(
  duration: NamedDuration | undefined,
  renewBefore: NamedDuration | undefined,
): Finding[] {
  const findings: Finding[] = [];
  if (duration !== undefined && duration.nanoseconds < parseDuration(shortestDuration)) {
    findings.push(
      broken("duration-minimum", {
        field: duration.field,
        message: `${duration.text} is shorter than ${shortestDuration}, the least that cert-manager accepts.`,
        fix: `Set it to ${shortestDuration} or more.`,
      }),
    );
  }
  if (renewBefore !== undefined && renewBefore.nanoseconds < parseDuration(shortestRenewBefore)) {
    findings.push(
      broken("renew-before-minimum", {
        field: renewBefore.field,
        message: `${renewBefore.text} is shorter than ${shortestRenewBefore}, the least that cert-manager accepts.`,
        fix: `Set it to ${shortestRenewBefore} or more.`,
      }),
    );
  }
  if (
    duration !== undefined &&
    renewBefore !== undefined &&
    renewBefore.nanoseconds >= duration.nanoseconds
  ) {
    findings.push(
      broken("renew-before-duration", {
        field: renewBefore.field,
        message: `${renewBefore.text} is not shorter than ${duration.field} (${duration.text}): the certificate would be due for renewal as soon as it is issued.`,
        fix: `Make ${renewBefore.field} shorter, or ${duration.field} longer.`,
      }),
    );
  }
  return findings;
}
