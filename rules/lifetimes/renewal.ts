/** What cert-manager asks of the life and the renewal of every Certificate, and how a setting's duration is read. */

import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { broken } from "../rules.ts";
import { parseDuration } from "./duration.ts";

/** cert-manager's `MinimumCertificateDuration` and `MinimumRenewBefore`. */
const minima = { "duration-minimum": "1h", "renew-before-minimum": "5m" } as const;

/** How long a certificate lives, and how long before its end it is renewed; what is not known is not checked. */
export interface Lifetimes {
  readonly duration?: string | object | undefined;
  readonly renewBefore?: string | object | undefined;
}

/** A duration, with the setting that it comes from. */
export interface NamedDuration {
  readonly field: string;
  readonly text: string;
  readonly nanoseconds: bigint;
}

/**
 * Reads a setting's duration. Gives `undefined` if it is not known, and if it is not a duration or shorter than cert-manager
 * accepts, which is a finding, and the only one about it.
 */
export function* readDuration(
  field: string,
  setting: string | object | undefined,
  minimum?: keyof typeof minima,
): Generator<Finding, NamedDuration | undefined> {
  const text = known(setting);
  if (text === undefined) return undefined;
  try {
    const nanoseconds = parseDuration(text);
    if (minimum === undefined || nanoseconds >= parseDuration(minima[minimum]))
      return { field, text, nanoseconds };
    yield broken(minimum, {
      field,
      message: `${text} is shorter than ${minima[minimum]}, the least that cert-manager accepts.`,
      fix: `Set it to ${minima[minimum]} or more.`,
    });
    return undefined;
  } catch (error) {
    yield broken("duration-syntax", { field, message: (error as RangeError).message });
    return undefined;
  }
}

/** Checks a Certificate's `duration` and `renewBefore` against each other, as far as they are known. */
export function* checkRenewal(
  duration: NamedDuration | undefined,
  renewBefore: NamedDuration | undefined,
): Iterable<Finding> {
  if (duration && renewBefore && renewBefore.nanoseconds >= duration.nanoseconds) {
    yield broken("renew-before-duration", {
      field: renewBefore.field,
      message: `${renewBefore.text} is not shorter than ${duration.field} (${duration.text}): the certificate would be due for renewal as soon as it is issued.`,
      fix: `Make ${renewBefore.field} shorter, or ${duration.field} longer.`,
    });
  }
}
