import { readFileSync } from "node:fs";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { alertGroups, ruleGroups } from "../rules/alerts/groups.ts";
import { alertSettings } from "../rules/alerts/settings.ts";
import type { ResolvedSettings } from "./rotatingLinkerdArgs.ts";

/** Written by `npm run -s tables` from rules/alerts/panels.ts. */
const dashboardFile = new URL("dashboard.json", import.meta.url);

export interface LinkerdAlertsArgs extends ResolvedSettings {
  /** Namespace of the control plane, in which the objects are made. */
  readonly linkerdNamespace: pulumi.Input<string>;
}

/**
 * Alerts about the mesh's credentials, and a dashboard.
 *
 * Creates a PrometheusRule of the Prometheus Operator's, whose thresholds follow from the settings, and a ConfigMap that
 * Grafana's sidecar takes for a dashboard. What they ask for is scraped by the PodMonitors of Linkerd's and cert-manager's
 * charts, and pushed by `status --prometheus` (docs/alerts.md): no monitor is made here.
 */
export class LinkerdAlerts extends pulumi.ComponentResource {
  constructor(name: string, args: LinkerdAlertsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("linkerd-rotating-tls:index:LinkerdAlerts", name, {}, opts);
    const { linkerdNamespace: namespace, alerts, identityIssuer, trustAnchor } = args;
    const child = { parent: this };
    const { duration, renewBefore, issuanceLifetime } = identityIssuer;
    const known = pulumi
      .all([namespace, duration, renewBefore, issuanceLifetime, trustAnchor.rotationAllowance])
      .apply(([linkerd, issuerDuration, issuerRenewBefore, leafLifetime, rotationAllowance]) => ({
        ...{ namespace: linkerd, issuerDuration, issuerRenewBefore },
        ...{ issuanceLifetime: leafLifetime, rotationAllowance },
      }));
    new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion: "monitoring.coreos.com/v1",
        kind: "PrometheusRule",
        // The API server leaves out an empty map, which would be a difference on every run.
        metadata: { namespace, ...(Object.keys(alerts.labels).length > 0 && { labels: alerts.labels }) },
        spec: { groups: known.apply((settings) => ruleGroups(alertGroups(alertSettings(args, settings)))) },
      },
      child,
    );
    new kubernetes.core.v1.ConfigMap(
      `${name}-dashboard`,
      {
        metadata: { namespace, labels: { grafana_dashboard: "1" } },
        data: { "linkerd-credentials.json": readFileSync(dashboardFile, "utf8") },
      },
      child,
    );
    this.registerOutputs({});
  }
}
