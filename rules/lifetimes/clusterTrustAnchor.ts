/** How long an anchor that cert-manager keeps may live, and when a cert-manager that renews it may replace it by itself. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { parseDuration } from "./duration.ts";
import { type Lifetimes, type NamedDuration, readDuration } from "./renewal.ts";

/**
 * For this long, cert-manager must leave a new anchor alone: a rotation is a rollout over the whole mesh. It is eleven months, so
 * that an anchor of Linkerd's documentation, which lives for 8760h, can be kept, with the longest `renewBefore` as well.
 */
const leastQuietTime = "8040h";

/** Half of the 60 days for which `linkerd check` warns of an anchor's end: so the warning is a month old by then. */
const longestRenewBefore = "720h";

/**
 * Checks
 *
 *     issuer's duration + issuanceLifetime + clockSkewAllowance < renewBefore ≤ 720h
 *     duration − renewBefore ≥ 8040h
 *
 * At `duration − renewBefore`, cert-manager makes a new root with a new key, and signs the next issuer with it. The
 * running identity controller reads its anchors only when it starts: it skips that issuer, and stops issuing when the
 * one before expires, at most one issuer's life after the switch, whatever `renewBefore` is. A longer `renewBefore`
 * therefore gains nothing, and brings the switch nearer. So cert-manager's own switch is the last resort for an anchor
 * that nobody has rotated in time, at the end of its life, and not a moment of its ordinary life.
 *
 * Without `renewBefore`, cert-manager does not renew it, and it has only to outlive what it signs.
 */
export function* checkClusterAnchorLifetimes(
  anchor: Lifetimes,
  life: NamedDuration | undefined,
  issuance: NamedDuration | undefined,
  skew: NamedDuration | undefined,
): Iterable<Finding> {
  const duration = yield* readDuration("trustAnchor.duration", anchor.duration);
  const renewBefore = yield* readDuration("trustAnchor.renewBefore", anchor.renewBefore);
  const end = renewBefore ?? duration;
  if (duration === undefined || end === undefined) return;
  if (renewBefore !== undefined) yield* checkQuietTime(duration, renewBefore);
  if (life === undefined || issuance === undefined || skew === undefined) return;
  if (end.nanoseconds > life.nanoseconds + issuance.nanoseconds + skew.nanoseconds) return;
  yield broken("anchor-outlives-issuer", {
    field: end.field,
    message:
      `${end.text} is not longer than ${life.field} (${life.text}), ${issuance.field} ` +
      `(${issuance.text}) and ${skew.field} (${skew.text}) together: the last certificates ` +
      "below the outgoing root would outlive it.",
    fix: `Make ${end.field} longer, or ${life.field} shorter.`,
  });
}

function* checkQuietTime(duration: NamedDuration, renewBefore: NamedDuration): Iterable<Finding> {
  const quiet = duration.nanoseconds - renewBefore.nanoseconds;
  if (renewBefore.nanoseconds > parseDuration(longestRenewBefore) || quiet < parseDuration(leastQuietTime)) {
    const days = quiet / parseDuration("24h");
    yield broken("anchor-renewal", {
      field: renewBefore.field,
      message:
        `With ${renewBefore.text} of ${duration.field} (${duration.text}), cert-manager would switch to a new root by ` +
        `itself ${days} days after it has made this one. It must leave this one alone for at least ${leastQuietTime}, ` +
        `and until ${longestRenewBefore} before its end: the running identity controller does not trust the new root, ` +
        "skips the next issuer (IssuerUpdateSkipped), and stops issuing when the current one expires.",
      fix:
        `Set ${renewBefore.field} to 168h, or to a different time up to ${longestRenewBefore}, and ` +
        `${duration.field} to 87600h, and rotate the anchor yourself before that time.`,
    });
  }
}
