/** Alerts about trust anchors, their rotation, and the pods that hold others. */
import type { Alert, AlertGroup, AlertSeverity } from "./alert.ts";
import { ofStatus } from "./queries.ts";
import { type AlertSettings, secondsOf } from "./settings.ts";

const day = 86_400;

/** Half a year, two months and a month before an anchor's end; of one that lives shorter than a year, as much earlier in its life. */
const ends: readonly (readonly [name: string, severity: AlertSeverity, days: number, ofLife: string])[] = [
  ["LinkerdTrustAnchorEnds", "info", 180, "1/2"],
  ["LinkerdTrustAnchorEndsSoon", "warning", 60, "1/6"],
  ["LinkerdTrustAnchorEndsVerySoon", "critical", 30, "1/12"],
];

/** What a rotation may take of the time that it is allowed, until it is asked after. */
const rotationShare = "1/3";

export function anchorAlerts({ rotationAllowance }: AlertSettings): AlertGroup {
  const allowed = secondsOf(rotationAllowance);
  return {
    name: "linkerd-trust-anchors",
    title: "Trust anchors and rotations",
    alerts: [
      ...ends.map(([name, severity, days, ofLife]) => anchorEnds(name, severity, days, ofLife)),
      {
        name: "LinkerdRotationStandsStill",
        severity: "warning",
        expression: `(time() - ${ofStatus("rotation_since_timestamp_seconds")}) > ${rotationShare} * ${allowed}`,
        for: "1h",
        summary: "A rotation of the trust anchor has been under way for {{ $value | humanizeDuration }}.",
        description:
          "The bundle has two anchors, and nobody goes on. Nothing fails yet; after the rotation's deadline everything does.",
        remedy:
          "`npm run -s rotate -- plan` says what it waits for, such as pods that nobody restarts. Go on, or go back: [Rotate the trust anchor](rotation.md).",
      },
      {
        name: "LinkerdRotationDeadlineNears",
        severity: "critical",
        expression: `(${ofStatus("rotation_deadline_timestamp_seconds")} - time()) < ${rotationShare} * ${allowed}`,
        for: "1h",
        summary: "A rotation has to be finished within {{ $value | humanizeDuration }}.",
        description:
          "Then the cross certificate ends, by which one anchor vouches for the other, and with it every proxy's certificate.",
        remedy:
          "`npm run -s rotate -- finish --restart` restarts what still holds the old anchor alone, and finishes.",
      },
      {
        name: "LinkerdPodsStale",
        severity: "warning",
        expression: `sum by (meshed_namespace, state) (${ofStatus("pods", '{state=~"stale|unknown"}')}) > 0`,
        for: "15m",
        summary:
          "{{ $value }} pods of namespace {{ $labels.meshed_namespace }} did not start with the mesh's trust anchors ({{ $labels.state }}).",
        description:
          "Those that are stale hold none of them: they accept what is signed now by a cross certificate at most. When that goes, they refuse everyone, and everyone refuses them. Of those that are unknown nobody can say.",
        remedy: "Restart them: `npm run -s status` names their workloads.",
      },
      {
        name: "LinkerdPodsRefuseIssuer",
        severity: "critical",
        expression: `${ofStatus("problems", '{rule="pods-accept-issuer"}')} > 0`,
        for: "5m",
        summary: "Some pods refuse the certificates that identity signs now.",
        description:
          "Each proxy that renews its certificate cannot reach them any more, and they do not get a new one of their own.",
        remedy:
          "`npm run -s status -- --fix` restarts these pods; `recover` where an anchor was swapped by hand.",
      },
    ],
  };
}

function anchorEnds(name: string, severity: AlertSeverity, days: number, ofLife: string): Alert {
  const [begin, end] = ["not_before", "not_after"].map((time) =>
    ofStatus(`trust_anchor_${time}_timestamp_seconds`),
  );
  return {
    name,
    severity,
    expression: [
      `(${end} - time()) < ${days * day}`,
      `(${end} - time()) < ${ofLife} * (${end} - ${begin})`,
      `${ofStatus("trust_anchor_in_bundle")} == 1`,
    ].join(" and "),
    for: "1h",
    summary: "The trust anchor {{ $labels.subject }} ends in {{ $value | humanizeDuration }}.",
    description:
      "A rotation takes until every pod of the mesh has been restarted once. At the anchor's end, identity refuses to sign below it.",
    remedy: "[Rotate the trust anchor](rotation.md).",
  };
}
