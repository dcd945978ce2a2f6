/** Alerts about the proxies' own certificates, their leaves, by their own metrics. */
import { lateAt } from "../mesh/leaves.ts";
import type { AlertGroup } from "./alert.ts";
import { leafEnds, loadedIssuerEnds, ofStatus, refreshesIn } from "./queries.ts";
import { type AlertSettings, secondsOf } from "./settings.ts";

/** Identity cuts a leaf to its issuer's end, to the second. */
const sameSecond = 5;

export function proxyAlerts({ issuanceLifetime }: AlertSettings): AlertGroup {
  const leftWhenLate = Math.round((1 - lateAt) * secondsOf(issuanceLifetime));
  const issuerEnds = `min(${ofStatus("issuer_loaded_not_after_timestamp_seconds")} or ${loadedIssuerEnds})`;
  return {
    name: "linkerd-proxies",
    title: "Proxies' certificates",
    alerts: [
      {
        name: "LinkerdLeafNotRefreshed",
        severity: "warning",
        expression: `(${leafEnds} - time()) < ${leftWhenLate}`,
        for: "5m",
        summary:
          "The certificate of pod {{ $labels.namespace }}/{{ $labels.pod }} ends in {{ $value | humanizeDuration }}, and has not been refreshed.",
        description:
          "A proxy asks for the next one when 70 % of its certificate's life are over. One whose certificate has ended never gets another one.",
        remedy:
          "`npm run -s status` shows whether identity answers; the proxy's log says why it gets none. Restart the pod before its certificate ends.",
      },
      {
        name: "LinkerdLeafRefreshFails",
        severity: "warning",
        // A pod that has gone is in that span for as long.
        expression: `${refreshesIn("30m", '{result="error"}')} > 0 and on (namespace, pod) ${leafEnds}`,
        for: "30m",
        summary:
          "The proxy of pod {{ $labels.namespace }}/{{ $labels.pod }} refuses the certificates that it gets.",
        description:
          "They lead to none of the anchors with which it started. It goes on with the one that it has, until that ends. One that gets no answer counts nothing: that is told by LinkerdLeafNotRefreshed.",
        remedy: "Restart the pod: it takes the anchors of now.",
      },
      {
        name: "LinkerdLeafEnded",
        severity: "critical",
        expression: `(${leafEnds} - time()) < 0`,
        summary: "The certificate of pod {{ $labels.namespace }}/{{ $labels.pod }} has ended.",
        description:
          "Its connections fail, though it is Ready and linkerd check --proxy says nothing. It does not come back by itself.",
        remedy: "`npm run -s status -- --fix` restarts it. Then look for the reason.",
      },
      {
        name: "LinkerdLeavesEndWithIssuer",
        severity: "critical",
        expression: `count(abs(${leafEnds} - scalar(${issuerEnds})) < ${sameSecond}) / count(${leafEnds}) > 0.5`,
        for: "10m",
        summary:
          "{{ $value | humanizePercentage }} of all proxies' certificates end with the identity issuer.",
        description:
          "The issuer has less to live than a proxy's certificate, so each new one is cut to its end. In that second all of them end, and nothing fails before.",
        remedy:
          "Renew the issuer: `npm run -s renew`. If that fails: [when a renewal fails](credentials.md#when-a-renewal-fails).",
      },
    ],
  };
}
