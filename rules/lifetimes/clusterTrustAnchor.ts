/** How long an anchor that cert-manager keeps may live, and when cert-manager may replace it by itself. */

import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { parseDuration } from "./duration.ts";
import { readDuration } from "./renewal.ts";

/** For so long from its making cert-manager leaves an anchor alone: a rotation is a rollout over the whole mesh. */
const leastQuietTime = "8760h";

/** Half of the 60 days for which `linkerd check` warns of an anchor's end: so the warning is a month old by then. */
const longestRenewBefore = "720h";

/** Lifetimes as Go durations, as far as they are known. */
export interface ClusterAnchorLifetimes {
  readonly clusterTrustAnchorDuration?: string | undefined;
  readonly clusterTrustAnchorRenewBefore?: string | undefined;
  readonly issuerDuration?: string | undefined;
  readonly issuanceLifetime?: string | undefined;
  readonly clockSkewAllowance?: string | undefined;
}

/**
 * Checks
 *
 *     issuerDuration + issuanceLifetime + clockSkewAllowance < renewBefore ≤ 720h
 *     duration − renewBefore ≥ 8760h
 *
 * At `duration − renewBefore`, cert-manager makes another root, with another key, and signs the next issuer with it. The
 * running identity controller reads its anchors at its start only: it skips that issuer, and stops to issue when the one
 * before ends, at most `issuerDuration` after the switch – whatever `renewBefore` is. A longer `renewBefore` therefore
 * gains nothing, and brings the switch nearer. So cert-manager's own switch is the last resort for an anchor that
 * nobody has rotated in time, at the end of its life, and not a moment of its ordinary life.
 */
export function checkClusterAnchorLifetimes(lifetimes: ClusterAnchorLifetimes): Finding[] {
  const findings: Finding[] = [];
  const duration = readDuration("clusterTrustAnchorDuration", lifetimes.clusterTrustAnchorDuration, findings);
  const renewBefore = readDuration(
    "clusterTrustAnchorRenewBefore",
    lifetimes.clusterTrustAnchorRenewBefore,
    findings,
  );
  // What is wrong with these is found where the issuer's lifetimes are checked.
  const [issuer, issuance, skew] = (
    ["issuerDuration", "issuanceLifetime", "clockSkewAllowance"] as const
  ).map((field) => readDuration(field, lifetimes[field], []));
  if (duration === undefined || renewBefore === undefined) return findings;
  const quiet = duration.nanoseconds - renewBefore.nanoseconds;
  if (renewBefore.nanoseconds > parseDuration(longestRenewBefore) || quiet < parseDuration(leastQuietTime)) {
    const days = quiet / parseDuration("24h");
    findings.push(
      broken("anchor-renewal", {
        field: renewBefore.field,
        message:
          `${renewBefore.text} of ${duration.field} (${duration.text}): cert-manager would switch to a new root by itself ` +
          `${days} days after it has made this one. It must leave it alone for ${leastQuietTime} at least, and until ` +
          `${longestRenewBefore} before its end: the running identity controller does not trust the new root, skips ` +
          "the next issuer (IssuerUpdateSkipped), and stops to issue when the present one ends.",
        fix:
          `Set clusterTrustAnchorRenewBefore to 168h, or to another time up to ${longestRenewBefore}, and ` +
          "clusterTrustAnchorDuration to 87600h, and rotate the anchor yourself before that time.",
      }),
    );
  }
  if (
    issuer !== undefined &&
    issuance !== undefined &&
    skew !== undefined &&
    renewBefore.nanoseconds <= issuer.nanoseconds + issuance.nanoseconds + skew.nanoseconds
  ) {
    findings.push(
      broken("anchor-outlives-issuer", {
        field: renewBefore.field,
        message:
          `${renewBefore.text} is not longer than issuerDuration (${issuer.text}), issuanceLifetime ` +
          `(${issuance.text}) and clockSkewAllowance (${skew.text}) together: the last certificates ` +
          "below the outgoing root would outlive it.",
        fix: "Make clusterTrustAnchorRenewBefore longer, or issuerDuration shorter.",
      }),
    );
  }
  return findings;
}
