/**
 * Rules for the end of what follows the issuer. Linkerd limits every leaf to the earliest end of all certificates in the
 * issuer's text, and goes on issuing after it: leaves that have ended, which all proxies refuse.
 */
import type { Finding } from "../finding.ts";
import { anchorWarnBefore, isNearEnd } from "../lifetimes/trustAnchor.ts";
import { broken } from "../rules.ts";
import { called } from "./authority.ts";
import type { Member } from "./pemText.ts";

/**
 * Checks that everything that follows the issuer outlives it. What has ended already is another rule's.
 *
 * @param issuerEnd end of the issuer, or of the one that is going to be made.
 */
export function checkChainEnd(issuerEnd: Date, following: readonly Member[], now: Date): Finding[] {
  return following.flatMap((member) => {
    const { validToDate: end } = member.certificate.x509;
    if (end > issuerEnd || end < now) return [];
    return broken("chain-outlives-issuer", {
      field: member.field,
      message: `${called(member)} expires at ${end.toISOString()}; it follows the issuer, which expires at ${issuerEnd.toISOString()}, and must outlive it: from then on, every proxy's certificate has expired when it is issued.`,
    });
  });
}

/**
 * Warns of a cross certificate's end: from `warnBefore` on, but not in the first half of its life. What has ended already
 * is another rule's.
 */
export function warnOfCrossCertificateEnd(
  crosses: readonly Member[],
  now: Date,
  warnBefore: string = anchorWarnBefore,
): Finding[] {
  return crosses.flatMap((member) => {
    const { validFromDate: from, validToDate: end } = member.certificate.x509;
    if (end < now || !isNearEnd({ from, end }, now, warnBefore)) return [];
    return broken("cross-certificate-ends", {
      field: member.field,
      message: `${called(member)} is a cross certificate and expires at ${end.toISOString()}: at that time every proxy fails, with the new root as well, unless it is gone from the chain.`,
    });
  });
}
