/** A trust anchor that is given: its certificate, and its key where it is to sign. */
import { checkAuthority } from "../credentials/authority.ts";
import { joinBundle } from "../credentials/bundle.ts";
import { parseCertificate } from "../credentials/parseCertificate.ts";
import { readCertificates } from "../credentials/pemText.ts";
import { checkKey } from "../credentials/privateKey.ts";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";

/** Checks one anchor that is given, as far as it is known. */
export function* checkProvidedAnchor(
  field: string,
  certificatePem: string | undefined,
  privateKeyPem: string | undefined,
  now = new Date(),
): Iterable<Finding> {
  if (certificatePem === undefined) return;
  const certificate = { field: `${field}.certificatePem`, text: normalised(certificatePem) };
  const { members, findings } = readCertificates(certificate, parseCertificate);
  const [anchor] = members;
  yield* findings;
  if (members.length > 1) {
    yield broken("provided-anchor", {
      field: certificate.field,
      message: `There are ${members.length} certificates here, and a generation is one anchor.`,
    });
  }
  if (anchor !== undefined) yield* checkAuthority(anchor, "anchor", now);
  if (privateKeyPem !== undefined) {
    yield* checkKey({ field: `${field}.privateKeyPem`, text: privateKeyPem }, anchor, []);
  }
}

/** The text as it gets into the bundle; one that cannot get there is left to the rules. */
function normalised(pem: string): string {
  try {
    return joinBundle([pem]);
  } catch {
    return pem;
  }
}
