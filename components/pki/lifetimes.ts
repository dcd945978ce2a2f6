/** How long anchors, issuers and leaf certificates live, and how these lives must relate. */
import { durationSyntax, nanosecondsPerHour, parseDuration } from "./duration.ts";
import type { Finding } from "./finding.ts";
import { broken } from "./rules.ts";

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

/** cert-manager's `MinimumCertificateDuration`. */
const shortestIssuerDuration = "1h";

/** cert-manager's `MinimumRenewBefore`. */
const shortestIssuerRenewBefore = "5m";

/** The tls provider counts a certificate's life in Go's nanoseconds, which end here, and overflow silently. */
const longestAnchorHours = 2_562_047;

/** Checks lifetimes against each other and against what cert-manager accepts. */
export function checkLifetimes(lifetimes: KnownLifetimes): Finding[] {
  const findings: Finding[] = [];
  const parsed = (field: Exclude<keyof Lifetimes, "trustAnchorValidityPeriodHours">): bigint | undefined => {
    const text = lifetimes[field];
    if (text === undefined) return undefined;
    try {
      return parseDuration(text);
    } catch (error) {
      findings.push(
        broken("duration-syntax", { field, message: (error as RangeError).message, fix: durationSyntax }),
      );
      return undefined;
    }
  };
  const duration = parsed("issuerDuration");
  const renewBefore = parsed("issuerRenewBefore");
  const issuance = parsed("issuanceLifetime");
  const skew = parsed("clockSkewAllowance");
  const anchorHours = lifetimes.trustAnchorValidityPeriodHours;

  if (duration !== undefined && duration < parseDuration(shortestIssuerDuration)) {
    findings.push(
      broken("issuer-duration-minimum", {
        field: "issuerDuration",
        message: `${lifetimes.issuerDuration} is shorter than ${shortestIssuerDuration}, the least that cert-manager accepts.`,
        fix: `Set it to ${shortestIssuerDuration} or more.`,
      }),
    );
  }
  if (renewBefore !== undefined && renewBefore < parseDuration(shortestIssuerRenewBefore)) {
    findings.push(
      broken("renew-before-minimum", {
        field: "issuerRenewBefore",
        message: `${lifetimes.issuerRenewBefore} is shorter than ${shortestIssuerRenewBefore}, the least that cert-manager accepts.`,
        fix: `Set it to ${shortestIssuerRenewBefore} or more.`,
      }),
    );
  }
  if (issuance === 0n) {
    findings.push(
      broken("issuance-lifetime", {
        field: "issuanceLifetime",
        message: `${lifetimes.issuanceLifetime} is no time at all: every proxy's certificate would be expired when it is issued.`,
        fix: "Set it to 24h, Linkerd's default, or to another time that is longer than zero.",
      }),
    );
  }
  if (duration !== undefined && renewBefore !== undefined && renewBefore >= duration) {
    findings.push(
      broken("renew-before-duration", {
        field: "issuerRenewBefore",
        message: `${lifetimes.issuerRenewBefore} is not shorter than issuerDuration (${lifetimes.issuerDuration}): the issuer would be due for renewal as soon as it is issued.`,
        fix: "Make issuerRenewBefore shorter, or issuerDuration longer.",
      }),
    );
  }
  if (
    renewBefore !== undefined &&
    issuance !== undefined &&
    skew !== undefined &&
    renewBefore <= issuance + skew
  ) {
    findings.push(
      broken("renew-before-leaves", {
        field: "issuerRenewBefore",
        message:
          `${lifetimes.issuerRenewBefore} is not longer than issuanceLifetime (${lifetimes.issuanceLifetime}) and clockSkewAllowance ` +
          `(${lifetimes.clockSkewAllowance}) together: proxies would get certificates from an issuer that ends before they do.`,
        fix: "Make issuerRenewBefore longer, or issuanceLifetime shorter.",
      }),
    );
  }
  if (anchorHours !== undefined)
    findings.push(...checkAnchorHours(anchorHours, lifetimes, duration, issuance));
  return findings;
}

function checkAnchorHours(
  hours: number,
  lifetimes: KnownLifetimes,
  duration: bigint | undefined,
  issuance: bigint | undefined,
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
  if (BigInt(hours) * nanosecondsPerHour > duration + issuance) return [];
  return [
    broken("anchor-outlives-issuer", {
      field,
      message:
        `${hours} hours are not longer than issuerDuration (${lifetimes.issuerDuration}) and issuanceLifetime ` +
        `(${lifetimes.issuanceLifetime}) together: the anchor would end before the first certificates below it.`,
      fix: "Make trustAnchorValidityPeriodHours longer: a new anchor is a rollout of its own, so years are usual.",
    }),
  ];
}
