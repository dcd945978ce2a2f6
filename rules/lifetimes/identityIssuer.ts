/** How long anchors, issuers and leaf certificates live, and how these lives must relate. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { nanosecondsPerHour } from "./duration.ts";
import { checkRenewal, type NamedDuration, readDuration } from "./renewal.ts";

/** Lifetimes as Go durations, such as `48h`, as far as they are known: an absent one is left out of the checks. */
export interface IssuerLifetimes {
  /** Life of the identity issuer's certificate. */
  readonly duration?: string | undefined;
  /** Time before its end at which the identity issuer is renewed. */
  readonly renewBefore?: string | undefined;
  /** Life of the leaf certificate that a proxy gets. */
  readonly issuanceLifetime?: string | undefined;
  /** By how much the clocks of the cluster may differ. */
  readonly clockSkewAllowance?: string | undefined;
}

/** The tls provider counts a certificate's life in Go's nanoseconds, which end here, and overflow silently. */
const longestAnchorHours = 2_562_047;

/** Checks lifetimes against each other and against what cert-manager accepts. */
export function checkLifetimes(issuer: IssuerLifetimes, anchorHours: number | undefined): Finding[] {
  const findings: Finding[] = [];
  const read = (name: keyof IssuerLifetimes) =>
    readDuration(`identityIssuer.${name}`, issuer[name], findings);
  const duration = read("duration");
  const renewBefore = read("renewBefore");
  const issuance = read("issuanceLifetime");
  const skew = read("clockSkewAllowance");

  findings.push(...checkRenewal(duration, renewBefore));
  if (issuance?.nanoseconds === 0n) {
    findings.push(
      broken("issuance-lifetime", {
        field: issuance.field,
        message: `${issuance.text} is no time at all: every proxy's certificate would be expired when it is issued.`,
        fix: "Set it to 24h, Linkerd's default, or to a different time that is longer than zero.",
      }),
    );
  }
  if (
    renewBefore !== undefined &&
    issuance !== undefined &&
    skew !== undefined &&
    renewBefore.nanoseconds <= issuance.nanoseconds + skew.nanoseconds
  ) {
    findings.push(
      broken("renew-before-leaves", {
        field: renewBefore.field,
        message:
          `${renewBefore.text} is not longer than ${issuance.field} (${issuance.text}) and ${skew.field} ` +
          `(${skew.text}) together: proxies would get certificates from an issuer that expires before they do.`,
        fix: `Make ${renewBefore.field} longer, or ${issuance.field} shorter.`,
      }),
    );
  }
  if (anchorHours !== undefined) findings.push(...checkAnchorHours(anchorHours, duration, issuance));
  return findings;
}

function checkAnchorHours(
  hours: number,
  duration: NamedDuration | undefined,
  issuance: NamedDuration | undefined,
): Finding[] {
  const field = "trustAnchor.validityPeriodHours";
  if (!Number.isInteger(hours) || hours < 1 || hours > longestAnchorHours) {
    return [
      broken("anchor-validity", {
        field,
        message: `${hours} is not a whole number of hours from 1 to ${longestAnchorHours} (292 years).`,
        fix: "Set it to 87600 (ten years), or to a different number in that range.",
      }),
    ];
  }
  if (duration === undefined || issuance === undefined) return [];
  if (BigInt(hours) * nanosecondsPerHour > duration.nanoseconds + issuance.nanoseconds) return [];
  return [
    broken("anchor-outlives-issuer", {
      field,
      message:
        `${hours} hours are not longer than ${duration.field} (${duration.text}) and ${issuance.field} ` +
        `(${issuance.text}) together: the anchor would expire before the first certificates below it.`,
      fix: `Make ${field} longer: a new anchor is a rollout of its own, so years are usual.`,
    }),
  ];
}
