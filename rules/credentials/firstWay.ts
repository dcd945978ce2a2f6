/** The one way up from a certificate that OpenSSL takes; Go and rustls-webpki try every way. */
import { isSignedBy, type ParsedCertificate } from "./certificate.ts";
import { identifierDifference } from "./keyIdentifiers.ts";

/** A certificate, with whatever its place is told by. */
interface Link {
  readonly certificate: ParsedCertificate;
}

/**
 * The way from `start`, to an anchor if its last member is one: at each step an anchor that fits, else the first
 * intermediate that does, and never back. What a certificate says about the one that signed it has to be true, and a
 * certificate that signed itself leads no further.
 */
export function firstWay<Of extends Link>(
  start: Of,
  intermediates: readonly Of[],
  anchors: readonly Of[],
): readonly [Of, ...Of[]] {
  const way: [Of, ...Of[]] = [start];
  for (let last = start; !anchors.includes(last); ) {
    const fits = ({ certificate }: Of) =>
      isSignedBy(last.certificate, certificate) &&
      identifierDifference(last.certificate, certificate) === undefined;
    const isAtEnd = isSignedBy(last.certificate, last.certificate);
    const next =
      anchors.find(fits) ??
      (isAtEnd ? undefined : intermediates.find((member) => !way.includes(member) && fits(member)));
    if (next === undefined) break;
    way.push(next);
    last = next;
  }
  return way;
}
