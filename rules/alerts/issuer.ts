/** Alerts about the identity issuer: its renewal, and whether identity uses what was renewed. */
import { identityIssuerName } from "../linkerdNames.ts";
import type { AlertGroup } from "./alert.ts";
import { loadedIssuerEnds, ofCertificates, ofStatus } from "./queries.ts";
import { notRenewed, windowLeft } from "./renewal.ts";
import { type AlertSettings, secondsOf } from "./settings.ts";

/** A replica's own word may be as much older as Prometheus asks seldom. */
const sameEndSeconds = 600;

export function issuerAlerts(settings: AlertSettings): AlertGroup {
  const { hasIssuerCertificate } = settings;
  const issuer = [identityIssuerName];
  const share = renewalShare(settings);
  const late = (left: number) =>
    hasIssuerCertificate ? notRenewed(issuer, left) : ownLifeLeft("issuer", left, share);
  const notLoaded = `${ofStatus("issuer_loaded")} == 0`;
  const otherEnd = `abs(${loadedIssuerEnds} - scalar(max(${ofCertificates("expiration_timestamp_seconds", issuer)}))) > ${sameEndSeconds}`;
  const retries = `{{ with query "${ofStatus("issuer_retries_before_end")}" }} cert-manager tries {{ . | first | value }} more times before that.{{ end }}`;
  return {
    name: "linkerd-identity-issuer",
    title: "The identity issuer",
    alerts: [
      {
        name: "LinkerdIssuerNotRenewed",
        severity: "warning",
        expression: late(windowLeft.late),
        for: "10m",
        summary: "The identity issuer is not renewed in time: it ends in {{ $value | humanizeDuration }}.",
        description: `A third of the time for its renewal is over.${retries} At its end every proxy's certificate has ended, and only a restart brings a proxy back.`,
        remedy:
          "`npm run -s status` says what keeps cert-manager from it; then see [when a renewal fails](credentials.md#when-a-renewal-fails). Where someone else keeps the Secret, tell them.",
      },
      {
        name: "LinkerdIssuerLastRetries",
        severity: "critical",
        expression: `${late(windowLeft.last)} or ${ownLifeLeft("issuer_loaded", windowLeft.last, share)}`,
        for: "5m",
        summary: "The identity issuer ends in {{ $value | humanizeDuration }}.",
        description: `What is stored, or what an identity controller has loaded, is about to end.${retries} Every proxy's certificate ends with it.`,
        remedy:
          "What keeps cert-manager from it, now: `npm run -s status`, and [when a renewal fails](credentials.md#when-a-renewal-fails). If it has ended: [recover](recovery.md).",
      },
      {
        name: "LinkerdIssuerNotLoaded",
        severity: "warning",
        expression: hasIssuerCertificate ? `${notLoaded} or ${otherEnd}` : notLoaded,
        for: "15m",
        summary: "An identity controller signs with another issuer than the one that is stored.",
        description:
          "It has missed the renewal, and does not look again. It signs until the issuer that it has loaded ends; then no proxy gets a certificate from it.",
        remedy: "`npm run -s status -- --fix` restarts it.",
      },
      {
        name: "LinkerdIssuerUpdateSkipped",
        severity: "critical",
        expression: ofStatus("issuer_reload_timestamp_seconds", '{reason="IssuerUpdateSkipped"}'),
        summary: "Identity has refused the new identity issuer (IssuerUpdateSkipped).",
        description:
          "It goes on with the one before, until that one ends; and it does not start again with the one that is stored. Most often that one is below an anchor that identity has not read.",
        remedy:
          "`npm run -s check -- --secret linkerd/linkerd-identity-issuer` says what is wrong with it. [recover](recovery.md) has cert-manager issue it again, and restarts identity only if it has to.",
      },
      {
        name: "LinkerdIssuerValidationFailed",
        severity: "critical",
        expression: ofStatus("issuer_reload_timestamp_seconds", '{reason="IssuerValidationFailed"}'),
        summary: "Identity refuses to sign with the issuer that it has loaded (IssuerValidationFailed).",
        description:
          "The issuer, or the anchor above it, has ended. No proxy gets a certificate any more, and those that they have end one after the other.",
        remedy: "[recover](recovery.md), now.",
      },
    ],
  };
}

/** Which part of an issuer's life is the time for its renewal; of one of someone else's, of which nothing is known, its second half. */
function renewalShare({ hasIssuerCertificate, issuerDuration, issuerRenewBefore }: AlertSettings): string {
  return hasIssuerCertificate ? `${secondsOf(issuerRenewBefore)}/${secondsOf(issuerDuration)}` : "1/2";
}

/** By what `status` has seen of its life: that cert-manager says nothing of it, or that another one is loaded. */
function ownLifeLeft(metric: string, left: number, share: string): string {
  const [begin, end] = ["not_before", "not_after"].map((time) =>
    ofStatus(`${metric}_${time}_timestamp_seconds`),
  );
  return `(${end} - time()) < ${left} * ${share} * (${end} - ${begin})`;
}
