/** How long what vouches for the identity issuer lasts. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { durationMilliseconds } from "./duration.ts";

export interface CrossCertificateEnd {
  readonly field: string;
  /** The generation that is vouched for, and the one that does. */
  readonly generation: number;
  readonly by: number;
  readonly end: Date;
}

/**
 * Refuses a cross certificate that an issuer which is issued now would outlive.
 *
 * @param issuerDuration life of the issuer, as a Go duration.
 */
export function* checkCrossCertificateEnd(
  { field, generation, by, end }: CrossCertificateEnd,
  issuerDuration: string,
  now: Date,
): Iterable<Finding> {
  const issuerEnd = new Date(now.getTime() + durationMilliseconds(issuerDuration));
  if (end > issuerEnd) return;
  yield broken("chain-outlives-issuer", {
    field,
    message: `Generation ${by} vouches for generation ${generation} until ${end.toISOString()}, and an issuer that is issued now ends at ${issuerEnd.toISOString()}. From the first time on, every proxy of the mesh fails, whatever it trusts.`,
    fix: "End the rotation: npm run -s rotate -- finish, with --restart if pods were started before it.",
  });
}
