/** Trust anchors that are given: each by itself, and all of them as anchors of the issuer that is going to be made. */
import { X509Certificate } from "node:crypto";
import { checkAuthority } from "../credentials/authority.ts";
import { joinBundle } from "../credentials/bundle.ts";
import { isSameCertificate, type ParsedCertificate } from "../credentials/certificate.ts";
import { checkMembers } from "../credentials/credentials.ts";
import {
  crossCertificateObstacle,
  type SubjectArguments,
  subjectArguments,
} from "../credentials/crossCertificate.ts";
import { checkCrossCertificate } from "../credentials/givenCrossCertificate.ts";
import { parseCertificate } from "../credentials/parseCertificate.ts";
import { type Member, readCertificates } from "../credentials/pemText.ts";
import { checkKey } from "../credentials/privateKey.ts";
import { prospectiveIssuer } from "../credentials/prospectiveIssuer.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { durationMilliseconds } from "../lifetimes/duration.ts";
import { identityIssuerCommonName } from "../linkerdNames.ts";
import { broken } from "../rules.ts";
import { crossSignings } from "./crossSigning.ts";
import type { Settings } from "./settings.ts";

const fieldOf = (generation: string) => `trustAnchor.provided.${generation}`;

/** Checks the texts of one anchor, as far as they are known. */
export function* checkProvidedAnchor(
  generation: string,
  certificatePem: string | undefined,
  privateKeyPem: string | undefined,
): Generator<Finding, Member | undefined> {
  if (certificatePem === undefined) return undefined;
  const certificate = { field: `${fieldOf(generation)}.certificatePem`, text: normalised(certificatePem) };
  const { members, findings } = readCertificates(certificate, parseCertificate);
  const [anchor] = members;
  yield* findings;
  if (members.length > 1) {
    yield broken("provided-anchor", {
      field: certificate.field,
      message: `There are ${members.length} certificates here, and a generation is one anchor.`,
    });
  }
  if (privateKeyPem !== undefined) {
    yield* checkKey({ field: `${fieldOf(generation)}.privateKeyPem`, text: privateKeyPem }, anchor, []);
  }
  // In messages about several anchors, each is called by its generation.
  return anchor && { ...anchor, place: Number(generation) };
}

/**
 * Checks all anchors that are given, by every rule that credentials in files are checked by, with the issuer that the
 * settings make in the place of one that exists.
 *
 * @param signing the generation that signs; `undefined` if none of them does.
 */
export function* checkProvidedAnchors(
  settings: Settings,
  signing: number | undefined,
  warnBefore: string,
  now: Date,
): Iterable<Finding> {
  const { generations, provided } = settings.trustAnchor;
  const anchors: Member[] = [];
  for (const [generation, { certificatePem, privateKeyPem }] of Object.entries(provided)) {
    const anchor = yield* checkProvidedAnchor(generation, known(certificatePem), known(privateKeyPem));
    const twin = anchors.find(
      ({ certificate }) => anchor && isSameCertificate(certificate, anchor.certificate),
    );
    if (twin !== undefined) {
      yield broken("provided-anchor", {
        field: anchor!.field,
        message: `This is the certificate of generation ${twin.place} as well, and a generation is an anchor of its own.`,
        fix: "Remove one of the two generations, or give it an anchor of its own.",
      });
    } else if (anchor !== undefined) anchors.push(anchor);
  }
  yield* checkVouching(settings, anchors);
  yield* checkCrossCertificates(settings, anchors, now);
  const trustDomain = known(settings.trustDomain);
  const namespace = known(settings.controlPlane.namespace);
  const { duration, issuanceLifetime } = settings.identityIssuer;
  const [lifetime, leafLifetime] = [duration, issuanceLifetime].map((text) => millisecondsOf(known(text)));
  if (trustDomain === undefined || namespace === undefined || !lifetime || !leafLifetime) {
    yield* anchors.flatMap((anchor) => checkAuthority(anchor, "anchor", now, warnBefore));
    return;
  }
  const listed = generations.map((generation) => anchors.find(({ place }) => place === generation));
  const issuer = prospectiveIssuer(
    {
      commonName: identityIssuerCommonName(namespace, trustDomain),
      validFrom: now,
      validTo: new Date(now.getTime() + lifetime),
      signer:
        signing === undefined ? lasting(settings, listed) : listed[generations.indexOf(signing)]?.certificate,
    },
    anchors.map(({ certificate }) => certificate),
  );
  const findings = checkMembers(
    {
      anchors,
      issuer: { field: "identityIssuer", place: 1, certificate: issuer },
      following: [],
      isComplete: false,
    },
    { trustDomain, issuanceLifetime: known(issuanceLifetime)!, clockSkewAllowance: "0s", warnBefore, now },
  );
  for (const finding of findings) {
    // What follows from the lifetimes alone is told of them.
    if (finding.rule === "issuer-outlives-leaves") continue;
    const isSigners = finding.field.startsWith(`${fieldOf(String(signing))}.`);
    const isDistrusted = settings.trustAnchor.distrusted.some((one) =>
      finding.field.startsWith(`${fieldOf(String(one))}.`),
    );
    // One that has ended leaves while it is still listed: its protection is lifted first, or nobody trusts it any more.
    const isLeaving =
      finding.rule === "expired" && !isSigners && (isDistrusted || !settings.trustAnchor.protect);
    yield isLeaving ? { ...finding, severity: "warning" } : finding;
  }
}

/** Pulumi can make a cross certificate for each anchor that is given and has to be vouched for. */
function* checkVouching(settings: Settings, anchors: readonly Member[]): Iterable<Finding> {
  const { provided } = settings.trustAnchor;
  for (const { generation } of crossSignings(settings)) {
    const anchor = anchors.find(({ place }) => place === generation);
    if (anchor === undefined || provided[generation]?.crossCertificatePem !== undefined) continue;
    const obstacle = crossCertificateObstacle(anchor.certificate);
    if (obstacle === undefined) continue;
    yield broken("cross-certificate-made", {
      field: anchor.field,
      message: `The generation before is to vouch for generation ${generation}, whose anchor ${obstacle}.`,
      fix: `Have its cross certificate made elsewhere, and give it as ${fieldOf(String(generation))}.crossCertificatePem; or set trustAnchor.crossSign to false.`,
    });
  }
}

/** Each cross certificate that is given vouches for its generation, in the name of the one before it in the list. */
function* checkCrossCertificates(
  { trustAnchor, identityIssuer }: Settings,
  anchors: readonly Member[],
  now: Date,
): Iterable<Finding> {
  const { generations, provided } = trustAnchor;
  const rootOf = (generation: number | undefined) =>
    anchors.find(({ place }) => place === generation)?.certificate;
  const issuerEnd = new Date(now.getTime() + (millisecondsOf(known(identityIssuer.duration)) ?? 0));
  for (const [generation, { crossCertificatePem }] of Object.entries(provided)) {
    const pem = known(crossCertificatePem);
    if (pem === undefined) continue;
    const field = `${fieldOf(generation)}.crossCertificatePem`;
    const { members, findings } = readCertificates({ field, text: normalised(pem) }, parseCertificate);
    yield* findings;
    const root = rootOf(Number(generation));
    // One that Pulumi makes is not known before; what it would have to be the same as is.
    const signer = rootOf(generations[generations.indexOf(Number(generation)) - 1]);
    const [cross] = members;
    if (cross === undefined || root === undefined || signer === undefined) continue;
    yield* checkCrossCertificate(cross, { root, signer, issuerEnd, now });
  }
}

/** Where someone else signs below one of these anchors: the one that lasts longest, which names its key as others do. */
function lasting(
  { identityIssuer: { source } }: Settings,
  anchors: readonly (Member | undefined)[],
): ParsedCertificate | undefined {
  const certificates = anchors.flatMap((anchor) => anchor?.certificate ?? []);
  if (source === "secret" || certificates.length < anchors.length) return undefined;
  const [longest] = certificates.sort((one, other) => +other.x509.validToDate - +one.x509.validToDate);
  return longest && { ...longest, subjectKeyIdentifier: longest.subjectKeyIdentifier ?? "" };
}

/** The text as it gets into the bundle; one that cannot get there is left to the rules. */
function normalised(pem: string): string {
  try {
    return joinBundle([pem]);
  } catch {
    return pem;
  }
}

/** `undefined` for what is no duration, which is told elsewhere. */
function millisecondsOf(duration: string | undefined): number | undefined {
  try {
    return duration === undefined ? undefined : durationMilliseconds(duration);
  } catch {
    return undefined;
  }
}

/** The subject of a certificate, as the TLS provider takes it for a certificate request. */
export function crossCertificateSubject(certificatePem: string): SubjectArguments {
  return subjectArguments(parseCertificate(new X509Certificate(certificatePem).raw));
}
