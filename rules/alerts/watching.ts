/** Alerts about what the other alerts need: that someone looks, and that Prometheus hears of it. */
import type { AlertGroup } from "./alert.ts";
import { leafEnds, ofCertificates, ofStatus } from "./queries.ts";
import { type AlertSettings, certificatesOf } from "./settings.ts";

/** Six looks of the CronJob. */
const longestSilenceSeconds = 1800;

export function watchingAlerts(settings: AlertSettings): AlertGroup {
  const looked = ofStatus("status_timestamp_seconds");
  const certificates = certificatesOf(settings);
  return {
    name: "linkerd-watching",
    title: "Whether anyone looks",
    alerts: [
      {
        name: "LinkerdStatusFindsProblem",
        severity: "critical",
        expression: `${ofStatus("problems", '{severity="error",rule!~"webhook-.+|pods-accept-issuer"}')} > 0`,
        for: "15m",
        summary: "status finds a problem with the mesh's credentials: {{ $labels.rule }}.",
        description: "Such a problem stops the mesh, now or later.",
        remedy:
          "`npm run -s status` has all of it, with a fix for each; [Errors and warnings](errors.md) has the rule.",
      },
      {
        name: "LinkerdStatusMissing",
        severity: "warning",
        expression: `absent(${looked}) or (time() - max(${looked})) > ${longestSilenceSeconds}`,
        for: "15m",
        summary: "Nobody has looked at the mesh's credentials for more than half an hour.",
        description:
          "status --prometheus does not run, or its metrics do not reach Prometheus: of anchors, rotations, stale pods and loaded issuers nothing is heard.",
        remedy: "See the last Job of the CronJob, or the textfile's date.",
      },
      {
        name: "LinkerdIdentityMetricsMissing",
        severity: "warning",
        expression: `absent(up{job="${settings.namespace}/linkerd-controller",component="identity"} == 1)`,
        for: "15m",
        summary: "Prometheus does not reach the identity controller.",
        description:
          "It is down, or nothing scrapes it. Without identity, certificates of proxies end within a day.",
        remedy:
          "`npm run -s status` says whether it runs. If it does, Prometheus does not take the chart's PodMonitor: [What can go wrong](#what-can-go-wrong).",
      },
      {
        name: "LinkerdProxyMetricsMissing",
        severity: "warning",
        expression: `absent(${leafEnds})`,
        for: "15m",
        summary: "Prometheus has no metrics of any proxy's certificate.",
        description: "That a certificate is not refreshed would not be heard of.",
        remedy:
          "Prometheus does not take the chart's PodMonitor `linkerd-proxy`: [What can go wrong](#what-can-go-wrong).",
      },
      ...(certificates.length === 0
        ? []
        : [
            {
              name: "LinkerdCertManagerMetricsMissing",
              severity: "warning" as const,
              expression: `absent(${ofCertificates("expiration_timestamp_seconds", certificates)})`,
              for: "15m",
              summary: "Prometheus has no metrics of cert-manager.",
              description:
                "cert-manager is down, or nothing scrapes it: a renewal that fails would not be heard of.",
              remedy:
                "`npm run -s status` says whether it runs. If it does, let its chart make a PodMonitor: [Before you begin](#before-you-begin).",
            },
          ]),
    ],
  };
}
