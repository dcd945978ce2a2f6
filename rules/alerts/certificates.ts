/** Alerts about what cert-manager keeps: the webhooks' certificates, and whether any Certificate of the mesh is Ready. */
import type { AlertGroup } from "./alert.ts";
import { ofCertificates, ofStatus } from "./queries.ts";
import { notRenewed, windowLeft } from "./renewal.ts";
import { type AlertSettings, certificatesOf } from "./settings.ts";

export function certificateAlerts(settings: AlertSettings): AlertGroup {
  const { webhookCertificates } = settings;
  const all = certificatesOf(settings);
  return {
    name: "linkerd-certificates",
    title: "Certificates and webhooks",
    alerts: [
      ...(all.length === 0
        ? []
        : [
            {
              name: "LinkerdCertificateNotReady",
              severity: "critical" as const,
              expression: `${ofCertificates("ready_status", all, ',condition!="True"')} == 1`,
              for: "10m",
              summary: "The Certificate {{ $labels.name }} is not Ready.",
              description:
                "cert-manager cannot issue it, or its Secret is not what it should be. What is in the Secret is used until it ends.",
              remedy:
                "`kubectl describe certificate` tells why. If something was deleted, [recover](recovery.md) puts it back.",
            },
          ]),
      ...(webhookCertificates.length === 0
        ? []
        : [
            {
              name: "LinkerdWebhookCertificateNotRenewed",
              severity: "warning" as const,
              expression: notRenewed(webhookCertificates, windowLeft.late),
              for: "10m",
              summary:
                "The webhook certificate {{ $labels.name }} is not renewed in time: it ends in {{ $value | humanizeDuration }}.",
              description:
                "After its end the API server calls the webhook in vain: pods come up without a proxy, in silence, or not at all.",
              remedy:
                "`npm run -s status` says what keeps cert-manager from it; then see [when a renewal fails](credentials.md#when-a-renewal-fails).",
            },
          ]),
      {
        name: "LinkerdWebhookNotTrusted",
        severity: "critical",
        expression: `${ofStatus("problems", '{rule=~"webhook-.+"}')} > 0`,
        for: "10m",
        summary: "The API server does not trust a webhook of Linkerd ({{ $labels.rule }}).",
        description:
          "What it serves, or the caBundle, is not what it should be. Pods come up without a proxy, in silence, or not at all.",
        remedy: "`npm run -s status` names the webhook; `--fix` restarts one that serves an old certificate.",
      },
    ],
  };
}
