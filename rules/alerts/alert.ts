/** What an alert is, for Prometheus and for whoever reads docs/alerts.md. */

/** How urgent: `critical` now, `warning` today, `info` in this quarter. */
export type AlertSeverity = "critical" | "warning" | "info";

export interface Alert {
  readonly name: string;
  readonly severity: AlertSeverity;
  /** In PromQL. */
  readonly expression: string;
  /** How long it has to hold, as Prometheus writes spans; absent: it fires at once. */
  readonly for?: string;
  /** One sentence; may have Prometheus' templates in it, such as `{{ $labels.name }}`. */
  readonly summary: string;
  /** What it means, and how long there is. */
  readonly description: string;
  /** What to do, for the page. */
  readonly remedy: string;
}

/** Alerts about one thing, under one heading of docs/alerts.md. */
export interface AlertGroup {
  readonly name: string;
  readonly title: string;
  readonly alerts: readonly Alert[];
}

/** Where the page says more of an alert, as GitHub makes anchors of headings. */
export const runbookOf = ({ name }: Pick<Alert, "name">) => `docs/alerts.md#${name.toLowerCase()}`;
