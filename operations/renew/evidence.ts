/** What shows that a renewal of the identity issuer goes on, and that it is complete. */
import { type Certificate, type CertificateRequest, conditionOf } from "../../mesh/certManager.ts";
import type { LoadedIssuer, ReloadEvent } from "../../mesh/identityController.ts";
import type { StoredCertificate } from "../../mesh/storedCertificate.ts";
import { isSameCertificate, type ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { chainToAnchor } from "../../rules/credentials/chain.ts";
import { identityDeploymentName } from "../../rules/linkerdNames.ts";
import { rules } from "../../rules/rules.ts";
import { awaitReload, describeObjects, restartController } from "../advice.ts";
import { formatTime, serial } from "../format.ts";

/** What takes part in an issuance, for `kubectl describe`. */
const issuance = "certificate,certificaterequest,issuer";

/** The steps of a renewal, in their order. */
export const steps = [
  "asked",
  "requested",
  "approved",
  "signed",
  "stored",
  "ready",
  "reloaded",
  "loaded",
] as const;
export type Step = (typeof steps)[number];

/** How everything was when the renewal was asked for. */
export interface Before {
  readonly namespace: string;
  /** The Certificate as cert-manager was asked to renew it. */
  readonly certificate: Certificate;
  /** An issuance was under way already, and this renewal is that one. */
  readonly joined: boolean;
  readonly stored: ParsedCertificate | undefined;
  readonly requests: readonly CertificateRequest[];
  readonly events: readonly ReloadEvent[];
  /** The live bundle of trust anchors. */
  readonly anchors: readonly ParsedCertificate[];
  /** What the running identity controllers had loaded. */
  readonly loaded: readonly LoadedIssuer[];
}

/** How everything is now. */
export interface Seen {
  readonly certificate: Certificate | undefined;
  readonly requests: readonly CertificateRequest[];
  readonly stored: StoredCertificate;
  readonly events: readonly ReloadEvent[];
  /** What the running identity controllers have loaded, as last asked. */
  readonly loaded: readonly LoadedIssuer[];
}

/** Why a renewal cannot go on or is not complete, and what to do about it. */
export interface Problem {
  readonly what: string;
  readonly fix: string;
}

export interface Progress {
  /** What is shown so far: for each step that is reached, what shows it. */
  readonly evidence: ReadonlyMap<Step, string>;
  readonly failure: Problem | undefined;
  /** The Secret holds another certificate than before: the identity controllers may have loaded it. */
  readonly storedIsNew: boolean;
}

/** Reads the evidence off the objects. Nothing here depends on the order in which they changed. */
export function progressOf(before: Before, seen: Seen): Progress {
  const evidence = new Map<Step, string>();
  evidence.set(
    "asked",
    before.joined
      ? `cert-manager is issuing already (${conditionOf(before.certificate, "Issuing")?.reason}); waiting for that`
      : "asked cert-manager to renew: Issuing=True, ManuallyTriggered",
  );

  const request = newRequest(before, seen);
  if (request !== undefined) {
    const { name } = request.metadata;
    evidence.set("requested", `CertificateRequest ${name} created, revision ${revisionOf(request)}`);
    const approved = conditionOf(request, "Approved");
    if (approved?.status === "True")
      evidence.set("approved", `CertificateRequest ${name} approved: ${approved.reason}`);
    if (conditionOf(request, "Ready")?.status === "True")
      evidence.set("signed", `CertificateRequest ${name} signed`);
  }

  const stored = seen.stored.certificate;
  const storedIsNew = stored !== undefined && isNew(before, seen, stored);
  if (storedIsNew) {
    evidence.set(
      "stored",
      `Secret ${seen.stored.secretName} holds a new certificate, serial ${serial(stored)}`,
    );
    if (isReadyWith(before, seen, stored)) {
      const { metadata, status } = seen.certificate!;
      const { revision, renewalTime } = status!;
      const next = renewalTime === undefined ? "" : `, next renewal ${formatTime(new Date(renewalTime))}`;
      evidence.set("ready", `Certificate ${metadata.name} is Ready, revision ${revision}${next}`);
    }
  }

  const event = newestEvent(before, seen);
  if (event?.reason === "IssuerUpdated") evidence.set("reloaded", `event IssuerUpdated: ${event.message}`);
  if (evidence.has("ready") && haveAllLoaded(seen.loaded, stored!)) {
    const pods = seen.loaded.map(({ podName }) => podName).join(", ");
    evidence.set("loaded", `Certify: a certificate from ${pods} is signed by serial ${serial(stored!)}`);
  }

  return { evidence, storedIsNew, failure: failureOf(before, seen, request, event, evidence) };
}

/** What is still awaited, and what is seen of it. */
export function awaitedNext(before: Before, seen: Seen, { evidence }: Progress, time: Date): Problem {
  const { namespace, certificate } = before;
  const { name } = certificate.metadata;
  const request = newRequest(before, seen);
  const describe = describeObjects(namespace, issuance);
  const sought = steps.filter((step) => step !== "reloaded");
  switch (sought[sought.findLastIndex((step) => evidence.has(step)) + 1]) {
    case "requested":
      return {
        what: `a CertificateRequest of Certificate ${namespace}/${name}; seen: ${describeCondition(seen.certificate, "Issuing")}`,
        fix: rules["certificate-renewed"].fix,
      };
    case "approved":
    case "signed":
      return {
        what: `CertificateRequest ${request?.metadata.name} to be approved and signed; seen: ${describeCondition(request, evidence.has("approved") ? "Ready" : "Approved")}`,
        fix: describe,
      };
    case "stored":
    case "ready":
      return {
        what: `Certificate ${namespace}/${name} to be Ready with the new certificate; seen: ${describeCondition(seen.certificate, "Ready")}`,
        fix: describe,
      };
    default: {
      const event = newestEvent(before, seen);
      const word =
        event === undefined ? "no event about a reload" : `event ${event.reason}: ${event.message}`;
      return {
        what: `the identity controllers to load the new issuer; seen: ${describeLoaded(seen)}; ${word}`,
        fix:
          seen.loaded.length === 0
            ? describeObjects(namespace, `deployment ${identityDeploymentName}`)
            : awaitReload(namespace, seen.stored.certificate!, time),
      };
    }
  }
}

/** Of this renewal: one that was not there before, or that the issuance which was joined had made already. */
function newRequest({ certificate, requests, joined }: Before, seen: Seen): CertificateRequest | undefined {
  // cert-manager keeps a failed request until the next issuance begins.
  const past = joined
    ? requests.filter((request) => conditionOf(request, "Ready")?.reason === "Failed")
    : requests;
  const old = new Set(past.map(({ metadata }) => metadata.uid));
  const wanted = (certificate.status?.revision ?? 0) + 1;
  return seen.requests.find(
    (request) =>
      request.metadata.annotations?.["cert-manager.io/certificate-name"] === certificate.metadata.name &&
      revisionOf(request) === wanted &&
      !old.has(request.metadata.uid),
  );
}

function revisionOf({ metadata }: CertificateRequest): number {
  return Number(metadata.annotations?.["cert-manager.io/certificate-revision"]);
}

function isNew(before: Before, seen: Seen, stored: ParsedCertificate): boolean {
  if (before.stored === undefined || !isSameCertificate(before.stored, stored)) return true;
  // An issuance that was joined late had stored its certificate already.
  return before.joined && isReadyWith(before, seen, stored);
}

/**
 * Whether what a controller refuses is the new issuer. Where a controller was behind, that may be what was stored before,
 * with the new one still on its way to it; unless no anchor signed the new one either.
 */
function isAboutNew({ stored, loaded, anchors }: Before, seen: Seen): boolean {
  if (stored !== undefined && haveAllLoaded(loaded, stored)) return true;
  const { certificate, intermediates } = seen.stored;
  return (
    certificate !== undefined &&
    chainToAnchor(certificate, intermediates, anchors, new Date()).chain === undefined
  );
}

/** The last of the events that were added or counted up since before. */
function newestEvent(before: Before, seen: Seen): ReloadEvent | undefined {
  const counts = new Map(before.events.map(({ uid, count }) => [uid, count]));
  return seen.events.findLast(({ uid, count }) => count > (counts.get(uid) ?? 0));
}

/** cert-manager has completed an issuance since before, and its status speaks of this certificate. */
function isReadyWith(before: Before, { certificate }: Seen, stored: ParsedCertificate): boolean {
  if (certificate === undefined) return false;
  const { revision = 0, notAfter = "" } = certificate.status ?? {};
  return (
    conditionOf(certificate, "Ready")?.status === "True" &&
    revision > (before.certificate.status?.revision ?? 0) &&
    Date.parse(notAfter) === stored.x509.validToDate.getTime()
  );
}

function haveAllLoaded(loaded: readonly LoadedIssuer[], issuer: ParsedCertificate): boolean {
  return loaded.length > 0 && loaded.every((controller) => hasLoaded(controller, issuer));
}

function hasLoaded({ proof }: LoadedIssuer, issuer: ParsedCertificate): boolean {
  return proof !== undefined && isSameCertificate(proof.issuer, issuer);
}

function failureOf(
  before: Before,
  seen: Seen,
  request: CertificateRequest | undefined,
  event: ReloadEvent | undefined,
  evidence: ReadonlyMap<Step, string>,
): Problem | undefined {
  const { namespace } = before;
  if (request !== undefined) {
    const what = `CertificateRequest ${request.metadata.name}`;
    const fix = describeObjects(namespace, issuance);
    for (const type of ["Denied", "InvalidRequest"]) {
      const condition = conditionOf(request, type);
      if (condition?.status === "True") return { what: `${what}: ${type}: ${condition.message}`, fix };
    }
    const ready = conditionOf(request, "Ready");
    if (ready?.reason === "Failed") return { what: `${what} failed: ${ready.message}`, fix };
  }
  if (event?.reason === "IssuerUpdateSkipped" && !evidence.has("loaded") && isAboutNew(before, seen)) {
    return {
      what: `The identity controller refused the new issuer and goes on with the old one. IssuerUpdateSkipped: ${event.message}`,
      fix:
        "Mend what it says; the anchor that signs the issuer must be in the bundle that the controller started with. Then " +
        `restart it: ${restartController(namespace)}`,
    };
  }
  return undefined;
}

function describeCondition(object: Certificate | CertificateRequest | undefined, type: string): string {
  const condition = object && conditionOf(object, type);
  return condition === undefined
    ? `no condition ${type}`
    : `${type}=${condition.status} (${condition.reason}: ${condition.message})`;
}

/** Those that have not loaded what is stored. */
function describeLoaded({ loaded, stored }: Seen): string {
  if (loaded.length === 0) return "no identity controller is running";
  return loaded
    .filter((controller) => !hasLoaded(controller, stored.certificate!))
    .map(({ podName, proof, failure }) =>
      proof === undefined ? `${podName}: ${failure}` : `${podName} still signs with ${serial(proof.issuer)}`,
    )
    .join("; ");
}
