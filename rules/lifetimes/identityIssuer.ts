/** How long anchors, issuers and leaf certificates live, and how these lives must relate. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { nanosecondsPerHour } from "./duration.ts";
import { checkRenewal, type NamedDuration, readDuration } from "./renewal.ts";

/** Lifetimes of a mesh's credentials. Each duration is written as Go does: `48h`, `59m30s`. */
interface Lifetimes {
  /** Life of the identity issuer's certificate. */
  readonly issuerDuration: string;
  /** Time before its end at which the identity issuer is renewed. */
  readonly issuerRenewBefore: string;
  /** Life of the leaf certificate that a proxy gets. */
  readonly issuanceLifetime: string;
  /** By how much the clocks of the cluster may differ. */
  readonly clockSkewAllowance: string;
  /** Life of a trust anchor. */
  readonly trustAnchorValidityPeriodHours: number;
}

/** Lifetimes as far as they are known: one that is absent is left out of the checks that need it. */
export type KnownLifetimes = { readonly [Name in keyof Lifetimes]?: Lifetimes[Name] | undefined };

/** The tls provider counts a certificate's life in Go's nanoseconds, which end here, and overflow silently. */
const longestAnchorHours = 2_562_047;

/** Checks lifetimes against each other and against what cert-manager accepts. */
export function checkLifetimes(lifetimes: KnownLifetimes): Finding[] {
  const findings: Finding[] = [];
  const read = (field: Exclude<keyof Lifetimes, "trustAnchorValidityPeriodHours">) =>
    readDuration(field, lifetimes[field], findings);
  const duration = read("issuerDuration");
  const renewBefore = read("issuerRenewBefore");
  const issuance = read("issuanceLifetime");
  const skew = read("clockSkewAllowance");
  const anchorHours = lifetimes.trustAnchorValidityPeriodHours;

  findings.push(...checkRenewal(duration, renewBefore));
  if (issuance?.nanoseconds === 0n) {
    findings.push(
      broken("issuance-lifetime", {
        field: issuance.field,
        message: `${issuance.text} is no time at all: every proxy's certificate would be expired when it is issued.`,
        fix: "Set it to 24h, Linkerd's default, or to another time that is longer than zero.",
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
          `${renewBefore.text} is not longer than issuanceLifetime (${issuance.text}) and clockSkewAllowance ` +
          `(${skew.text}) together: proxies would get certificates from an issuer that ends before they do.`,
        fix: "Make issuerRenewBefore longer, or issuanceLifetime shorter.",
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
  const field = "trustAnchorValidityPeriodHours";
  if (!Number.isInteger(hours) || hours < 1 || hours > longestAnchorHours) {
    return [
      broken("anchor-validity", {
        field,
        message: `${hours} is not a whole number of hours from 1 to ${longestAnchorHours} (292 years).`,
        fix: "Set it to 87600 (ten years), or to another such number.",
      }),
    ];
  }
  if (duration === undefined || issuance === undefined) return [];
  if (BigInt(hours) * nanosecondsPerHour > duration.nanoseconds + issuance.nanoseconds) return [];
  return [
    broken("anchor-outlives-issuer", {
      field,
      message:
        `${hours} hours are not longer than issuerDuration (${duration.text}) and issuanceLifetime ` +
        `(${issuance.text}) together: the anchor would end before the first certificates below it.`,
      fix: "Make trustAnchorValidityPeriodHours longer: a new anchor is a rollout of its own, so years are usual.",
    }),
  ];
}
