import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { build, findingsOf, type Values } from "../configured.ts";

const ruleType = "kubernetes:monitoring.coreos.com/v1:PrometheusRule";
const release = "kubernetes:helm.sh/v3:Release";
const installAlerts = true;

interface Rule {
  readonly alert: string;
  readonly expr: string;
}

/** The expressions of all alerts, by their names. */
async function expressions(values: Values): Promise<Record<string, string>> {
  const { find } = await build({ installAlerts, ...values });
  const { groups } = find(ruleType, "linkerd-alerts").inputs.spec as { groups: { rules: Rule[] }[] };
  return Object.fromEntries(groups.flatMap(({ rules }) => rules).map(({ alert, expr }) => [alert, expr]));
}

test("the alerts and the dashboard are made in the control plane's namespace, and each chart makes its PodMonitors", async () => {
  const { find, registrations } = await build({
    installAlerts,
    linkerdNamespace: "mesh",
    alertLabels: { release: "monitoring" },
    highAvailability: true,
    linkerdControlPlaneValues: { podMonitor: { scrapeInterval: "30s" } },
  });
  const rule = find(ruleType, "linkerd-alerts");
  assert.deepEqual(rule.inputs.metadata, { namespace: "mesh", labels: { release: "monitoring" } });
  assert.equal(rule.parent, "linkerd-alerts");
  assert.equal(rule.provider, "kubernetes");
  const { groups } = rule.inputs.spec as { groups: { name: string; rules: object[] }[] };
  assert.deepEqual(
    groups.map(({ name }) => name),
    [
      "linkerd-identity-issuer",
      "linkerd-certificates",
      "linkerd-trust-anchors",
      "linkerd-proxies",
      "linkerd-watching",
    ],
  );
  assert.deepEqual(groups[0]!.rules[2], {
    alert: "LinkerdIssuerNotLoaded",
    expr:
      "linkerd_credentials_issuer_loaded == 0 or abs(timestamp(issuer_cert_ttl_seconds) + issuer_cert_ttl_seconds - " +
      'scalar(max(certmanager_certificate_expiration_timestamp_seconds{name=~"linkerd-identity-issuer"}))) > 600',
    for: "15m",
    labels: { severity: "warning" },
    annotations: {
      summary: "An identity controller signs with another issuer than the one that is stored.",
      description:
        "It has missed the renewal, and does not look again. It signs until the issuer that it has loaded ends; then no proxy gets a certificate from it.",
      runbook_url: "docs/alerts.md#linkerdissuernotloaded",
    },
  });

  const dashboard = find("kubernetes:core/v1:ConfigMap", "linkerd-alerts-dashboard");
  assert.deepEqual(dashboard.inputs.metadata, { namespace: "mesh", labels: { grafana_dashboard: "1" } });
  assert.deepEqual(dashboard.inputs.data, {
    "linkerd-credentials.json": readFileSync(
      resolve(import.meta.dirname, "../../components/dashboard.json"),
      "utf8",
    ),
  });
  assert.deepEqual(
    registrations
      .filter(({ parent }) => parent === "linkerd-alerts")
      .map(({ name }) => name)
      .sort(),
    ["linkerd-alerts", "linkerd-alerts-dashboard"],
  );

  const valuesOf = (name: string) => find(release, name).inputs.values as Record<string, unknown>;
  assert.deepEqual(valuesOf("linkerd-control-plane").podMonitor, {
    enabled: true,
    labels: { release: "monitoring" },
    scrapeInterval: "30s",
  });
  assert.equal(valuesOf("linkerd-control-plane").enablePodAntiAffinity, true);
  assert.deepEqual(valuesOf("linkerd-cert-manager").prometheus, {
    podmonitor: { enabled: true, labels: { release: "monitoring" } },
  });
});

test("nothing of it is made where it is not asked for", async () => {
  const { registrations, find } = await build({});
  assert.deepEqual(
    registrations.filter(({ name, type }) => name.includes("alerts") || type === ruleType),
    [],
  );
  const valuesOf = (name: string) => find(release, name).inputs.values as Record<string, unknown>;
  assert.equal(valuesOf("linkerd-control-plane").podMonitor, undefined);
  assert.equal(valuesOf("linkerd-cert-manager").prometheus, undefined);
});

test("without labels there are none: an empty map would be a difference on every run", async () => {
  const { find } = await build({ installAlerts });
  assert.deepEqual(find(ruleType, "linkerd-alerts").inputs.metadata, { namespace: "linkerd" });
});

test("thresholds follow from the settings, those that are known later as well", async () => {
  const alerts = await expressions({
    linkerdNamespace: pulumi.output("mesh"),
    issuanceLifetime: pulumi.output("10h"),
    issuerRenewBefore: "20h",
    trustAnchorRotationAllowance: "300h",
  });
  // A fifth of ten hours.
  assert.match(alerts.LinkerdLeafNotRefreshed!, / < 7200$/);
  assert.match(
    alerts.LinkerdIssuerLastRetries!,
    / or \(linkerd_credentials_issuer_loaded_\S+ - time\(\)\) < 0\.35 \* 72000\/172800 \* \(linkerd_credentials_issuer_loaded/,
  );
  assert.match(alerts.LinkerdRotationStandsStill!, / > 1\/3 \* 1080000$/);
  assert.match(alerts.LinkerdIdentityMetricsMissing!, /job="mesh\/linkerd-controller"/);
});

test("no alert asks for a Certificate that is not there", async () => {
  const theirs = await expressions({ identityIssuerSource: "secret", rotateWebhookCredentials: false });
  assert.deepEqual(
    Object.entries(theirs).filter(([, expression]) => expression.includes("certmanager")),
    [],
  );
  // What status has seen of the issuer tells how much of its own life is left.
  assert.match(theirs.LinkerdIssuerNotRenewed!, /< 0\.7 \* 1\/2 \* \(linkerd_credentials_issuer_not_after/);
  const names = (alerts: Record<string, string>) =>
    /name=~"([^"]*)"/.exec(alerts.LinkerdCertificateNotReady!)![1]!.split("|");
  assert.deepEqual(names(await expressions({})), [
    "linkerd-identity-issuer",
    "webhook-issuer",
    "linkerd-proxy-injector",
    "linkerd-sp-validator",
    "linkerd-policy-validator",
  ]);
  const everything = await expressions({ trustAnchorSource: "cluster", installLinkerdViz: true });
  assert.deepEqual(names(everything).slice(1, 2), ["linkerd-trust-anchor"]);
  assert.deepEqual(names(everything).slice(-2), ["tap", "tap-injector"]);
});

test("it is refused with Linkerd before 2.12, and labels have to be texts", () => {
  const refusals = (values: Values) =>
    findingsOf({ installAlerts, ...values }).map(({ rule, field }) => [rule, field]);
  const older = {
    linkerdControlPlaneChart: "linkerd2",
    linkerdControlPlaneChartVersion: "2.11.5",
    rotateWebhookCredentials: false,
  };
  assert.deepEqual(refusals(older), [["chart-feature", "installAlerts"]]);
  assert.deepEqual(refusals({ ...older, installAlerts: false }), []);
  assert.deepEqual(refusals({ alertLabels: { release: 1 } }), [["setting-parts", "alertLabels.release"]]);
  assert.deepEqual(refusals({ alertLabels: { release: pulumi.output("a") } }), []);
});
