/** How the credentials are shown: a table for people, JSON for programs. */
import type { X509Certificate } from "node:crypto";
import { commonName } from "../../mesh/certificateChain.ts";
import type { Certificate } from "../../mesh/certManager.ts";
import { fingerprint, formatSpan, formatTable, formatTime, serial } from "../format.ts";
import type { Credential, Credentials, IdentityController } from "./credentials.ts";
import type { Problem } from "./verdict.ts";

const shortFingerprintLength = 12;

/** The table, the evidence of what the identity controllers have loaded, and the verdict. */
export function credentialsTable(credentials: Credentials, problems: readonly Problem[]): string {
  const { anchors, issuer, webhooks, controllers, lastReload, readAt } = credentials;
  const row = (name: string, certificate: X509Certificate | undefined, renewal: string) => [
    name,
    ...(certificate === undefined ? ["unreadable", "", "", "", ""] : describe(certificate, readAt)),
    renewal,
  ];
  const rows = [
    ["CREDENTIAL", "SUBJECT", "SHA-256", "VALID FROM", "VALID UNTIL", "LEFT", "NEXT RENEWAL"],
    ...anchors.map((anchor) => row("trust anchor", anchor, anchorRenewal(credentials, anchor))),
    row("identity issuer", issuer.certificate, nextRenewal(issuer, readAt) ?? "by hand"),
    ...webhooks.map((webhook) =>
      row(
        webhook.name,
        webhook.certificate,
        nextRenewal(webhook, readAt) ?? "at the next upgrade of the chart",
      ),
    ),
  ];
  const reload =
    lastReload === undefined
      ? "no reload event on record (Kubernetes keeps events for an hour)"
      : `${lastReload.reason} ${formatSpan(readAt.getTime() - lastReload.time.getTime())} ago: ${lastReload.message}`;
  return [
    `Linkerd in namespace ${credentials.namespace} of context ${credentials.context}, trust domain ${credentials.trustDomain}`,
    "",
    formatTable(rows),
    "",
    ...controllers.flatMap((controller) => describeController(controller)),
    `  last event: ${reload}`,
    "",
    verdict(problems),
  ].join("\n");
}

function describe(certificate: X509Certificate, readAt: Date): string[] {
  const left = certificate.validToDate.getTime() - readAt.getTime();
  return [
    commonName(certificate),
    fingerprint(certificate).slice(0, shortFingerprintLength),
    formatTime(certificate.validFromDate),
    formatTime(certificate.validToDate),
    left < 0 ? "expired" : formatSpan(left),
  ];
}

function anchorRenewal({ distributedSha256, anchorRenewedBy, readAt }: Credentials, anchor: X509Certificate) {
  if (distributedSha256 === undefined) return "by a new generation";
  if (anchorRenewedBy === undefined) return "by cert-manager";
  return isOf(anchorRenewedBy, anchor)
    ? `${renewalTimeOf(anchorRenewedBy, readAt)}, unless rotated before`
    : "none: an outgoing anchor";
}

/** Whether a certificate is the one that cert-manager has issued last for this Certificate. */
function isOf({ status }: Certificate, certificate: X509Certificate): boolean {
  const { notBefore = "", notAfter = "" } = status ?? {};
  return (
    Date.parse(notBefore) === certificate.validFromDate.getTime() &&
    Date.parse(notAfter) === certificate.validToDate.getTime()
  );
}

function nextRenewal({ renewedBy }: Credential, readAt: Date): string | undefined {
  return renewedBy === undefined ? undefined : renewalTimeOf(renewedBy, readAt);
}

function renewalTimeOf({ status }: Certificate, readAt: Date): string {
  const renewalTime = status?.renewalTime;
  if (renewalTime === undefined) return "not scheduled";
  const ahead = Date.parse(renewalTime) - readAt.getTime();
  return `${formatTime(new Date(renewalTime))} (${ahead < 0 ? "due" : `in ${formatSpan(ahead)}`})`;
}

function describeController(controller: IdentityController): string[] {
  const { podName, proof, failure, metricNotAfter, metricFailure } = controller;
  if (proof === undefined) return [`Identity controller ${podName}: ${failure}`];
  const metric = metricNotAfter === undefined ? metricFailure : `it expires at ${formatTime(metricNotAfter)}`;
  return [
    `Identity controller ${podName} has loaded issuer ${serial(proof.issuer)}`,
    `  Certify: signed a certificate for ${proof.identity} with it; ` +
      `it leads to anchor ${fingerprint(proof.anchor).slice(0, shortFingerprintLength)}`,
    ...(metric === undefined ? [] : [`  issuer_cert_ttl_seconds: ${metric}`]),
  ];
}

function verdict(problems: readonly Problem[]): string {
  if (problems.length === 0) {
    return "All right: every credential is valid, and the loaded issuer is the one in the Secret.";
  }
  return problems.map(({ what, fix }) => `Problem: ${what}\n    Fix: ${fix}`).join("\n");
}

/** The same as JSON: certificates as facts, times as RFC 3339. */
export function credentialsJson(credentials: Credentials, problems: readonly Problem[]): string {
  const { issuer, webhooks, controllers, anchors, anchorRenewedBy, lastReload, ...rest } = credentials;
  return JSON.stringify(
    {
      verdict: problems.length === 0 ? "ok" : "problem",
      problems,
      ...rest,
      anchors: anchors.map((anchor) => ({
        ...facts(anchor),
        ...(anchorRenewedBy !== undefined && isOf(anchorRenewedBy, anchor)
          ? { nextRenewal: anchorRenewedBy.status?.renewalTime }
          : {}),
      })),
      issuer: credentialFacts(issuer),
      webhooks: webhooks.map((webhook) => ({ name: webhook.name, ...credentialFacts(webhook) })),
      loaded: controllers.map(({ proof, ...controller }) => ({
        ...controller,
        issuer: proof && facts(proof.issuer),
        anchor: proof && facts(proof.anchor),
      })),
      lastReload,
    },
    undefined,
    2,
  );
}

function credentialFacts({ secretName, certificate, unreadable, renewedBy }: Credential) {
  return {
    secretName,
    ...(certificate && facts(certificate)),
    unreadable,
    certificateName: renewedBy?.metadata.name,
    nextRenewal: renewedBy?.status?.renewalTime,
  };
}

/** What identifies a certificate, and how long it is valid. */
export function facts(certificate: X509Certificate) {
  return {
    subject: commonName(certificate),
    serialNumber: serial(certificate),
    fingerprintSha256: fingerprint(certificate),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
  };
}
