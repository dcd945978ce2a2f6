/** Every alert of a mesh with these settings, and how Prometheus takes them. */
import { type Alert, type AlertGroup, runbookOf } from "./alert.ts";
import { anchorAlerts } from "./anchors.ts";
import { certificateAlerts } from "./certificates.ts";
import { issuerAlerts } from "./issuer.ts";
import { proxyAlerts } from "./proxies.ts";
import type { AlertSettings } from "./settings.ts";
import { watchingAlerts } from "./watching.ts";

export function alertGroups(settings: AlertSettings): readonly AlertGroup[] {
  return [
    issuerAlerts(settings),
    certificateAlerts(settings),
    anchorAlerts(settings),
    proxyAlerts(settings),
    watchingAlerts(settings),
  ];
}

/** The `groups` of a file of rules, and of a PrometheusRule's spec. */
export function ruleGroups(groups: readonly AlertGroup[]) {
  return groups.map(({ name, alerts }) => ({ name, rules: alerts.map(ruleOf) }));
}

function ruleOf(alert: Alert) {
  const { name, severity, expression, summary, description } = alert;
  return {
    alert: name,
    expr: expression,
    ...(alert.for === undefined ? {} : { for: alert.for }),
    labels: { severity },
    annotations: { summary, description, runbook_url: runbookOf(alert) },
  };
}
