/** How the credentials are shown: a table for people, JSON for programs. */
import { type Certificate, conditionOf } from "../../mesh/certManager.ts";
import type { ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { describeFinding, type Finding, verdictOf } from "../../rules/finding.ts";
import { factsOf, formatSpan, formatTable, formatTime, serial } from "../format.ts";
import type { Credential, Credentials, IdentityController } from "./read.ts";
import type { Renewal, Signer } from "./renewal.ts";

/** Six bytes, with the colons between them. */
const shortFingerprintLength = 17;

/** The table, the evidence of what the identity controllers have loaded, and the verdict. */
export function credentialsTable(credentials: Credentials, problems: readonly Finding[]): string {
  const { trust, issuer, webhooks, controllers, lastReload, readAt } = credentials;
  const row = (name: string, certificate: ParsedCertificate | undefined, renewal: string) => [
    name,
    ...(certificate === undefined ? ["unreadable", "", "", "", ""] : describe(certificate, readAt)),
    renewal,
  ];
  const rows = [
    ["CREDENTIAL", "SUBJECT", "SHA-256", "VALID FROM", "VALID UNTIL", "LEFT", "NEXT RENEWAL"],
    ...trust.anchors.map((anchor) => row("trust anchor", anchor, anchorRenewal(credentials, anchor))),
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
    `Linkerd in namespace ${credentials.namespace} of context ${credentials.context}, trust domain ${trust.purpose.trustDomain}`,
    "",
    formatTable(rows),
    "",
    ...describeRenewal(credentials.renewal),
    ...controllers.flatMap((controller) => describeController(controller)),
    `  last event: ${reload}`,
    "",
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

function anchorRenewal({ trust, anchorRenewedBy, readAt }: Credentials, anchor: ParsedCertificate) {
  if (trust.distributedSha256 === undefined) return "by a new generation";
  if (anchorRenewedBy === undefined) return "by cert-manager";
  if (!isOf(anchorRenewedBy, anchor)) return "none: an outgoing anchor";
  // cert-manager schedules none where it is told not to renew.
  if (anchorRenewedBy.status?.renewalTime === undefined) return "by a rotation";
  return `${renewalOf(anchorRenewedBy, readAt)}, unless rotated before`;
}

/** Whether a certificate is the one that cert-manager has issued last for this Certificate. */
function isOf({ status }: Certificate, { x509 }: ParsedCertificate): boolean {
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

function describeRenewal(renewal: Renewal | undefined): string[] {
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
        `  ${signer.kind} ${signer.isNamespaced ? `${signer.namespace}/` : ""}${signer.name}: ${stateOf(signer)}; signs ${signer.signs.join(", ")}`,
    ),
    "",
  ];
}

function stateOf({ issuer, secret }: Signer): string {
  if (issuer === undefined) return "does not exist";
  const held =
    secret &&
    `Secret ${secret.namespace}/${secret.name} ${secret.lacks.length === 0 ? "is there" : "is not complete"}`;
  const ready = conditionOf(issuer, "Ready")?.status;
  return [ready === "True" ? "Ready" : ready === undefined ? "says nothing" : "not Ready", held]
    .filter((part) => part !== undefined)
    .join(", ");
}

function describeController(controller: IdentityController): string[] {
  const { podName, proof, failure, metricNotAfter, metricFailure } = controller;
  if (proof === undefined) return [`Identity controller ${podName}: ${failure}`];
  const metric = metricNotAfter === undefined ? metricFailure : `it expires at ${formatTime(metricNotAfter)}`;
  return [
    `Identity controller ${podName} has loaded issuer ${serial(proof.issuer)}`,
    `  Certify: signed a certificate for ${proof.identity} with it; ` +
      `it leads to anchor ${factsOf(proof.anchor).fingerprintSha256.slice(0, shortFingerprintLength)}`,
    ...(metric === undefined ? [] : [`  issuer_cert_ttl_seconds: ${metric}`]),
  ];
}

function verdict(problems: readonly Finding[]): string {
  if (problems.length === 0) {
    return "All right: every credential is valid, the loaded issuer is the one in the Secret, and what renews them is there.";
  }
  return problems
    .map((one) => `${one.severity === "error" ? "Problem" : "Warning"}: ${describeFinding(one)}`)
    .join("\n");
}

/** The same as JSON: certificates as facts, times as RFC 3339; of a problem, `what` is its field and its message. */
export function credentialsJson(credentials: Credentials, problems: readonly Finding[]): string {
  const { context, namespace, readAt, trust, anchorRenewedBy, issuer, webhooks, controllers, lastReload } =
    credentials;
  const { renewal } = credentials;
  const verdicts = { ok: "ok", warning: "warning", error: "problem" };
  return JSON.stringify(
    {
      verdict: verdicts[verdictOf(problems)],
      problems: problems.map((finding) => ({ what: `${finding.field}: ${finding.message}`, ...finding })),
      context,
      namespace,
      trustDomain: trust.purpose.trustDomain,
      readAt,
      distributedSha256: trust.distributedSha256,
      anchors: trust.anchors.map((anchor) => ({
        ...factsOf(anchor),
        ...(anchorRenewedBy !== undefined && isOf(anchorRenewedBy, anchor)
          ? { nextRenewal: anchorRenewedBy.status?.renewalTime }
          : {}),
      })),
      issuer: credentialFacts(issuer),
      webhooks: webhooks.map((webhook) => ({ name: webhook.name, ...credentialFacts(webhook) })),
      loaded: controllers.map(({ proof, ...controller }) => ({
        ...controller,
        issuer: proof && factsOf(proof.issuer),
        anchor: proof && factsOf(proof.anchor),
      })),
      lastReload,
      renewal: renewal && {
        certManager: renewal.programs,
        issuers: renewal.signers.map(({ issuer: found, isKnown, ...signer }) => ({
          ...signer,
          ready: found && conditionOf(found, "Ready")?.status,
        })),
      },
    },
    undefined,
    2,
  );
}

function credentialFacts({ secretName, certificate, unreadable, renewedBy }: Credential) {
  return {
    secretName,
    ...(certificate && factsOf(certificate)),
    unreadable,
    certificateName: renewedBy?.metadata.name,
    nextRenewal: renewedBy?.status?.renewalTime,
  };
}
