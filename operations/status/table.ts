/** How the status is shown to people: what there is, the evidence of what is used, and the verdict. */
import { type Certificate, conditionOf } from "../../mesh/certManager.ts";
import type { HeldBundle } from "../../mesh/meshedPods.ts";
import { isSameAuthority, type ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { describeFinding, type Finding } from "../../rules/finding.ts";
import { retriesWithin } from "../../rules/lifetimes/retries.ts";
import { type Generation, generationOf } from "../../rules/mesh/generations.ts";
import { signingGeneration } from "../../rules/mesh/leaves.ts";
import { factsOf, formatSpan, formatTable, formatTime, serial } from "../format.ts";
import type { DataPlane } from "./dataPlane.ts";
import { describePods, stateOf, workloadsOf } from "./dataPlaneVerdict.ts";
import type { IdentityController, MeshStatus } from "./read.ts";
import type { Renewal, Signer } from "./renewal.ts";

/** Six bytes, with the colons between them. */
const shortFingerprintLength = 17;
const nanosecondsPerMillisecond = 1_000_000n;

/** The table, the evidence of what is loaded, trusted and served, and the verdict. */
export function statusTable(status: MeshStatus, problems: readonly Finding[]): string {
  const { trust, issuer, webhooks, controllers, lastReload, readAt } = status;
  const row = (name: string, certificate: ParsedCertificate | undefined, renewal: string) => [
    name,
    ...(certificate === undefined ? ["unreadable", "", "", "", ""] : describe(certificate, readAt)),
    renewal,
  ];
  const rows = [
    ["CREDENTIAL", "SUBJECT", "SHA-256", "VALID FROM", "VALID UNTIL", "LEFT", "NEXT RENEWAL"],
    ...trust.anchors.map((anchor) => row("trust anchor", anchor, anchorRenewal(status, anchor))),
    row("identity issuer", issuer.certificate, renewalOf(issuer.renewedBy, readAt) ?? "by hand"),
    ...webhooks.map(({ name, certificate, renewedBy }) =>
      row(name, certificate, renewalOf(renewedBy, readAt) ?? "at the next upgrade of the chart"),
    ),
  ];
  const reload =
    lastReload === undefined
      ? "no reload event on record (Kubernetes keeps events for an hour)"
      : `${lastReload.reason} ${formatSpan(readAt.getTime() - lastReload.time.getTime())} ago: ${lastReload.message}`;
  return [
    `Linkerd in namespace ${status.namespace} of context ${status.context}, trust domain ${trust.purpose.trustDomain}`,
    "",
    formatTable(rows),
    "",
    "Trust anchors",
    ...status.generations.map((generation) => `  ${describeGeneration(generation, readAt)}`),
    ...describeSharedTrust(status),
    "",
    ...describeRenewal(status),
    ...controllers.flatMap((controller) => describeController(controller)),
    `  last event: ${reload}`,
    "",
    ...describeServed(status),
    ...describeDataPlane(status),
    verdict(problems),
  ].join("\n");
}

function describe(certificate: ParsedCertificate, readAt: Date): string[] {
  const { subject, fingerprintSha256, notBefore, notAfter } = factsOf(certificate);
  const left = notAfter.getTime() - readAt.getTime();
  return [
    subject,
    fingerprintSha256.slice(0, shortFingerprintLength),
    formatTime(notBefore),
    formatTime(notAfter),
    left < 0 ? "expired" : formatSpan(left),
  ];
}

function anchorRenewal({ trust, anchorRenewedBy, readAt }: MeshStatus, anchor: ParsedCertificate) {
  if (trust.distributedSha256 === undefined) return "by a new generation";
  if (anchorRenewedBy === undefined) return "by cert-manager";
  if (!isOf(anchorRenewedBy, anchor)) return "none: an outgoing anchor";
  // cert-manager schedules none where it is told not to renew.
  if (anchorRenewedBy.status?.renewalTime === undefined) return "by a rotation";
  return `${renewalOf(anchorRenewedBy, readAt)}, unless rotated before`;
}

/** Whether a certificate is the one that cert-manager has issued last for this Certificate. */
export function isOf({ status }: Certificate, { x509 }: ParsedCertificate): boolean {
  const { notBefore = "", notAfter = "" } = status ?? {};
  return (
    Date.parse(notBefore) === x509.validFromDate.getTime() &&
    Date.parse(notAfter) === x509.validToDate.getTime()
  );
}

function renewalOf(renewedBy: Certificate | undefined, readAt: Date): string | undefined {
  if (renewedBy === undefined) return undefined;
  const renewalTime = renewedBy.status?.renewalTime;
  if (renewalTime === undefined) return "not scheduled";
  const ahead = Date.parse(renewalTime) - readAt.getTime();
  return `${formatTime(new Date(renewalTime))} (${ahead < 0 ? "due" : `in ${formatSpan(ahead)}`})`;
}

/** `generation 2`, or its name if this program has not given it one. */
export function nameOfGeneration({
  number,
  certificate,
}: Pick<Generation, "number" | "certificate">): string {
  return number === undefined ? factsOf(certificate).subject : `generation ${number}`;
}

function describeGeneration(generation: Generation, readAt: Date): string {
  const { certificate, isInBundle, signs, vouchers } = generation;
  const { validFromDate, validToDate } = certificate.x509;
  const life = validToDate.getTime() - validFromDate.getTime();
  const age = readAt.getTime() - validFromDate.getTime();
  return [
    `${nameOfGeneration(generation)}: ${isInBundle ? "in the bundle" : "not in the bundle"}`,
    signs ? "signs" : "does not sign",
    `${Math.max(0, Math.round((age / life) * 100))} % of its life is over`,
    ...vouchers.map(({ certificate: cross, by }) => {
      const end = cross.x509.validToDate;
      const left = end.getTime() - readAt.getTime();
      const voucher = by === undefined ? "an anchor that is not here" : factsOf(by).subject;
      return `${voucher} vouches for it until ${formatTime(end)} (${left < 0 ? "ended" : `${formatSpan(left)} left to finish the rotation`})`;
    }),
  ].join(", ");
}

/** Which generations are this cluster's own, and which its linked clusters hold. */
function describeSharedTrust({ sharedTrust, generations, readAt }: MeshStatus): string[] {
  if (sharedTrust === undefined) return [];
  const namesOf = (anchors: readonly ParsedCertificate[]) =>
    anchors
      .map((anchor) => {
        const generation = generationOf(anchor, generations);
        if (generation !== undefined) return nameOfGeneration(generation);
        // Clusters number their generations each for itself.
        const { subject, fingerprintSha256 } = factsOf(anchor);
        return `${subject} (${fingerprintSha256.slice(0, shortFingerprintLength)}), which is not of this mesh`;
      })
      .join(", ") || "none";
  const { own, linked } = sharedTrust;
  return [
    ...(own === undefined ? [] : [`  of this cluster's own: ${namesOf(own)}`]),
    ...linked.map(({ cluster, link, own: theirs, bundle, readAt: time }) => {
      const lacking = generations.filter(
        ({ signs, certificate }) => signs && !bundle.some((anchor) => isSameAuthority(anchor, certificate)),
      );
      const age = time === undefined ? "" : `, ${formatSpan(readAt.getTime() - time.getTime())} ago`;
      return [
        `  cluster ${cluster} (Link ${link.namespace}/${link.name}${age}) trusts ${namesOf(bundle)}`,
        ...lacking.map((generation) => `does not trust ${nameOfGeneration(generation)}, which signs here`),
        ...(theirs === undefined ? [] : [`of its own: ${namesOf(theirs)}`]),
      ].join("; ");
    }),
  ];
}

function describeRenewal(status: MeshStatus): string[] {
  const { renewal } = status;
  if (renewal === undefined) return [];
  const { programs, signers } = renewal;
  const running = (programs ?? []).map(
    ({ component, namespace, availableReplicas }) =>
      `${component} in ${namespace} (${availableReplicas === 0 ? "not running" : `${availableReplicas} running`})`,
  );
  return [
    `cert-manager: ${programs === undefined ? "not known" : running.join(", ") || "not on the cluster"}`,
    ...signers.map(
      (signer) =>
        `  ${signer.kind} ${signer.isNamespaced ? `${signer.namespace}/` : ""}${signer.name}: ${stateOfSigner(signer)}; signs ${signer.signs.join(", ")}`,
    ),
    ...describeOutcome(status, renewal),
    "",
  ];
}

function stateOfSigner({ issuer, secret }: Signer): string {
  if (issuer === undefined) return "does not exist";
  const held =
    secret &&
    `Secret ${secret.namespace}/${secret.name} ${secret.lacks.length === 0 ? "is there" : "is not complete"}`;
  const ready = conditionOf(issuer, "Ready")?.status;
  return [ready === "True" ? "Ready" : ready === undefined ? "says nothing" : "not Ready", held]
    .filter((part) => part !== undefined)
    .join(", ");
}

/** How the issuer's last renewal ended, and what its next one can survive. */
function describeOutcome({ issuer, readAt }: MeshStatus, renewal: Renewal): string[] {
  const { renewedBy, certificate } = issuer;
  if (renewedBy === undefined) return [];
  const { revision, failedIssuanceAttempts: failures = 0 } = renewedBy.status ?? {};
  const last =
    failures > 0
      ? `failed ${failures} times: ${conditionOf(renewedBy, "Issuing")?.message ?? "no message"}`
      : revision === undefined
        ? "has not been"
        : `succeeded (revision ${revision}${certificate === undefined ? "" : `, ${formatSpan(readAt.getTime() - certificate.x509.validFromDate.getTime())} ago`})`;
  const retries = retriesLeft({ issuer, readAt }, renewal);
  const survives =
    retries === undefined ? "" : `; of the next one, ${retries} retries fit before the issuer's end`;
  return [`  last issuance of the identity issuer: ${last}${survives}`];
}

/** How many retries fit before the issuer's end if its next renewal fails; `undefined` if that is not known. */
export function retriesLeft(
  { issuer, readAt }: Pick<MeshStatus, "issuer" | "readAt">,
  { configured }: Pick<Renewal, "configured">,
): number | undefined {
  const renewalTime = issuer.renewedBy?.status?.renewalTime;
  if (configured === undefined || renewalTime === undefined || issuer.certificate === undefined)
    return undefined;
  const begin = Math.max(Date.parse(renewalTime), readAt.getTime());
  const span = Math.max(0, issuer.certificate.x509.validToDate.getTime() - begin);
  return retriesWithin(BigInt(Math.floor(span)) * nanosecondsPerMillisecond, configured);
}

function describeController(controller: IdentityController): string[] {
  const { podName, proof, failure, metricNotAfter, metricFailure } = controller;
  if (proof === undefined) return [`Identity controller ${podName}: ${failure}`];
  const metric = metricNotAfter === undefined ? metricFailure : `it expires at ${formatTime(metricNotAfter)}`;
  const { x509 } = proof.leaf;
  return [
    `Identity controller ${podName} has loaded issuer ${serial(proof.issuer)}`,
    `  Certify: signed a certificate for ${proof.identity} with it, which lives ` +
      `${formatSpan(x509.validToDate.getTime() - x509.validFromDate.getTime())}; ` +
      `it leads to anchor ${factsOf(proof.anchor).fingerprintSha256.slice(0, shortFingerprintLength)}`,
    ...(metric === undefined ? [] : [`  issuer_cert_ttl_seconds: ${metric}`]),
  ];
}

function describeServed({ webhooks }: MeshStatus): string[] {
  const served = webhooks.map(({ name, served: pods }) => {
    const answering = pods.filter(({ chain }) => chain !== undefined).length;
    return `${name} (${answering} of ${pods.length} pods)`;
  });
  return served.length === 0 ? [] : [`Webhooks that answer with a certificate: ${served.join(", ")}`, ""];
}

function describeDataPlane(status: MeshStatus): string[] {
  const { dataPlane } = status;
  if (dataPlane === undefined) return ["Meshed pods: not known", ""];
  const { bundles, externalWorkloads } = dataPlane;
  const external =
    externalWorkloads === undefined
      ? "; external workloads: not known"
      : externalWorkloads === 0
        ? ""
        : `; ${externalWorkloads} external workloads, of which nothing is proven`;
  return [
    `Meshed pods: ${dataPlane.pods} of ${workloadsOf(bundles.flatMap(({ pods }) => pods)).length} workloads${external}`,
    ...bundles.map((bundle) => `  ${describeBundle(bundle)}`),
    ...describeLeaves(status, dataPlane).map((line) => `  ${line}`),
    "",
  ];
}

const meanings = {
  current: "with the mesh's anchors",
  overlapping: "with an older or newer bundle that shares an anchor with the mesh's",
  stale: "with none of the mesh's anchors",
  unknown: "of which nobody can say which anchors they have",
} as const;

function describeBundle({ state, pods, anchors = [] }: HeldBundle): string {
  const names =
    state === "current" ? "" : ` (${anchors.map((one) => factsOf(one).subject).join(", ") || "not known"})`;
  return `${state}: ${pods.length === 1 ? "1 pod" : `${pods.length} pods`} ${meanings[state]}${names}${state === "current" ? "" : `: ${describePods(pods)}`}`;
}

function describeLeaves(status: MeshStatus, { leaves, reports }: DataPlane): string[] {
  const seen = leaves.flatMap(({ leaf, intermediates }) =>
    leaf === undefined ? [] : [{ leaf, intermediates }],
  );
  const signers = new Set(
    seen.map(({ leaf, intermediates }) => {
      const generation = signingGeneration(leaf, intermediates, status.generations);
      return generation === undefined ? "none of the anchors" : nameOfGeneration(generation);
    }),
  );
  const ends = leaves
    .filter((one) => stateOf(one, status) !== "ended")
    .flatMap(({ leaf }) => leaf?.x509.validToDate.getTime() ?? []);
  const next =
    ends.length === 0
      ? ""
      : `; the first of them ends in ${formatSpan(Math.min(...ends) - status.readAt.getTime())}`;
  return [
    `leaves: shown by ${seen.length} of ${leaves.length} proxies that were asked${seen.length === 0 ? "" : `, signed by ${[...signers].join(" and ")}`}${next}`,
    ...(reports === undefined
      ? []
      : [
          reports.failure === undefined
            ? `Prometheus has heard of ${reports.reports.length} leaves`
            : `Prometheus tells nothing: ${reports.failure}`,
        ]),
  ];
}

function verdict(problems: readonly Finding[]): string {
  if (problems.length === 0) {
    return "All right: every credential is valid, the loaded issuer is the one in the Secret, every meshed pod accepts what it signs, and what renews them is there.";
  }
  return problems
    .map((one) => `${one.severity === "error" ? "Problem" : "Warning"}: ${describeFinding(one)}`)
    .join("\n");
}
