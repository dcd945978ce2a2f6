/** What cert-manager asks of the life and the renewal of every Certificate, and how a setting's duration is read. */

import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { broken } from "../rules.ts";
import { parseDuration } from "./duration.ts";

/** cert-manager's `MinimumCertificateDuration`. */
const shortestDuration = "1h";

/** cert-manager's `MinimumRenewBefore`. */
const shortestRenewBefore = "5m";

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

/** Reads a setting's duration. Gives `undefined` if it is not known, or is not a duration, which is a finding. */
export function* readDuration(
  field: string,
  setting: string | object | undefined,
): Generator<Finding, NamedDuration | undefined> {
  const text = known(setting);
  if (text === undefined) return undefined;
  try {
    return { field, text, nanoseconds: parseDuration(text) };
  } catch (error) {
    yield broken("duration-syntax", { field, message: (error as RangeError).message });
    return undefined;
  }
}

/** Checks a Certificate's `duration` and `renewBefore`, as far as they are known. */
export function* checkRenewal(
  duration: NamedDuration | undefined,
  renewBefore: NamedDuration | undefined,
): Iterable<Finding> {
  yield* checkMinimum("duration-minimum", duration, shortestDuration);
  yield* checkMinimum("renew-before-minimum", renewBefore, shortestRenewBefore);
  if (duration && renewBefore && renewBefore.nanoseconds >= duration.nanoseconds) {
    yield broken("renew-before-duration", {
      field: renewBefore.field,
      message: `${renewBefore.text} is not shorter than ${duration.field} (${duration.text}): the certificate would be due for renewal as soon as it is issued.`,
      fix: `Make ${renewBefore.field} shorter, or ${duration.field} longer.`,
    });
  }
}

function* checkMinimum(
  rule: "duration-minimum" | "renew-before-minimum",
  given: NamedDuration | undefined,
  shortest: string,
): Iterable<Finding> {
  if (given === undefined || given.nanoseconds >= parseDuration(shortest)) return;
  yield broken(rule, {
    field: given.field,
    message: `${given.text} is shorter than ${shortest}, the least that cert-manager accepts.`,
    fix: `Set it to ${shortest} or more.`,
  });
}
