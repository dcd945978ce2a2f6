/** How long anchors, issuers and leaf certificates live, and how these lives must relate. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { checkClusterAnchorLifetimes } from "./clusterTrustAnchor.ts";
import { nanosecondsPerHour } from "./duration.ts";
import { checkRenewal, type Lifetimes, type NamedDuration, readDuration } from "./renewal.ts";

/** Lifetimes of the identity issuer, and of what it signs. */
export interface IssuerLifetimes extends Lifetimes {
  /** Life of the leaf certificate that a proxy gets. */
  readonly issuanceLifetime?: string | object | undefined;
  /** By how much the clocks of the cluster may differ. */
  readonly clockSkewAllowance?: string | object | undefined;
}

/** The tls provider counts a certificate's life in Go's nanoseconds, which end here, and overflow silently. */
const longestAnchorHours = 2_562_047;

/**
 * Checks lifetimes against each other and against what cert-manager accepts.
 *
 * @param anchor how many hours it is valid, or its lifetimes if cert-manager keeps it.
 */
export function* checkLifetimes(
  issuer: IssuerLifetimes,
  anchor: number | Lifetimes | undefined,
): Iterable<Finding> {
  const duration = yield* readDuration("identityIssuer.duration", issuer.duration, "duration-minimum");
  const renewBefore = yield* readDuration(
    "identityIssuer.renewBefore",
    issuer.renewBefore,
    "renew-before-minimum",
  );
  const issuance = yield* readDuration("identityIssuer.issuanceLifetime", issuer.issuanceLifetime);
  const skew = yield* readDuration("identityIssuer.clockSkewAllowance", issuer.clockSkewAllowance);

  yield* checkRenewal(duration, renewBefore);
  if (issuance?.nanoseconds === 0n) {
    yield broken("issuance-lifetime", {
      field: issuance.field,
      message: `${issuance.text} is no time at all: every proxy's certificate would be expired when it is issued.`,
      fix: "Set it to 24h, Linkerd's default, or to a different time that is longer than zero.",
    });
  }
  if (renewBefore && issuance && skew && renewBefore.nanoseconds <= issuance.nanoseconds + skew.nanoseconds) {
    yield broken("renew-before-leaves", {
      field: renewBefore.field,
      message:
        `${renewBefore.text} is not longer than ${issuance.field} (${issuance.text}) and ${skew.field} ` +
        `(${skew.text}) together: proxies would get certificates from an issuer that expires before they do.`,
      fix: `Make ${renewBefore.field} longer, or ${issuance.field} shorter.`,
    });
  }
  if (typeof anchor === "object") yield* checkClusterAnchorLifetimes(anchor, duration, issuance, skew);
  else if (anchor !== undefined) yield* checkAnchorHours(anchor, duration, issuance);
}

function* checkAnchorHours(
  hours: number,
  duration: NamedDuration | undefined,
  issuance: NamedDuration | undefined,
): Iterable<Finding> {
  const field = "trustAnchor.validityPeriodHours";
  if (!Number.isInteger(hours) || hours < 1 || hours > longestAnchorHours) {
    yield broken("anchor-validity", {
      field,
      message: `${hours} is not a whole number of hours from 1 to ${longestAnchorHours} (292 years).`,
      fix: "Set it to 87600 (ten years), or to a different number in that range.",
    });
    return;
  }
  // Leaves that outlive their issuer are refused for that.
  if (duration === undefined || issuance === undefined || issuance.nanoseconds > duration.nanoseconds) return;
  if (BigInt(hours) * nanosecondsPerHour > duration.nanoseconds + issuance.nanoseconds) return;
  yield broken("anchor-outlives-issuer", {
    field,
    message:
      `${hours} hours are not longer than ${duration.field} (${duration.text}) and ${issuance.field} ` +
      `(${issuance.text}) together: the anchor would expire before the first certificates below it.`,
    fix: `Make ${field} longer: a new anchor is a rollout of its own, so years are usual.`,
  });
}
