/** Every rule about settings, each setting by itself and against the others. */
import { checkUnknown } from "../charts/unknownValues.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { checkAlerts } from "./alerts.ts";
import { checkCertManager, checkTrustManager } from "./certManager.ts";
import { chartGroups, checkHelmTimeout, checkRepository, installedCharts } from "./charts.ts";
import { checkCni } from "./cni.ts";
import { checkControlPlane } from "./controlPlane.ts";
import { checkGuard } from "./guard.ts";
import { checkIdentityIssuer } from "./identityIssuer.ts";
import { checkSettingsLifetimes } from "./lifetimes.ts";
import { checkCommonNames, checkNamespaces } from "./namespaces.ts";
import type { Settings } from "./settings.ts";
import { checkTrustAnchor } from "./trustAnchor.ts";
import { checkViz } from "./viz.ts";
import { checkWithoutEffect } from "./withoutEffect.ts";

/** All that is wrong with settings at a time, as far as they are known. */
export function checkSettings(settings: Settings, now = new Date()): Finding[] {
  const { certManager, trustManager } = settings;
  const installed = installedCharts(settings);
  const findings = [
    ...checkNamespaces(settings),
    ...checkTrustAnchor(settings, now),
    ...checkSettingsLifetimes(settings),
    ...checkIdentityIssuer(settings),
    ...checkHelmTimeout(settings.helmTimeoutSeconds),
    ...checkControlPlane(settings),
    ...checkRepository("controlPlane", settings),
    ...(installed.certManager ? checkCertManager(certManager) : []),
    ...(installed.trustManager ? checkTrustManager(trustManager) : []),
    ...checkRepository("certManager", settings),
    ...(installed.cni ? checkCni(settings) : []),
    ...(installed.viz ? checkViz(settings) : []),
    ...(settings.alerts.install ? checkAlerts(settings) : []),
    ...checkCommonNames(settings),
    ...checkGuard(settings),
  ];
  const dropped = [...checkWithoutEffect(settings)];
  for (const group of chartGroups.filter((name) => installed[name])) {
    const { chart, chartVersion, values } = settings[group];
    dropped.push(...checkUnknown(`${group}.values`, values, chart, known(chartVersion) ?? ""));
  }
  // What a rule of its own refuses is not told a second time.
  const isTold = ({ field }: Finding) =>
    findings.some((other) => other.field === field || other.field.startsWith(`${field}.`));
  return [...findings, ...dropped.filter((finding) => !isTold(finding))];
}
