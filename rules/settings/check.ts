/** Every rule about settings, each setting by itself and against the others. */
import type { Finding } from "../finding.ts";
import { checkCertManager, checkTrustManager } from "./certManager.ts";
import { checkHelmTimeout, checkRepository } from "./charts.ts";
import { checkCni } from "./cni.ts";
import { checkControlPlane } from "./controlPlane.ts";
import { checkIdentityIssuer } from "./identityIssuer.ts";
import { checkSettingsLifetimes } from "./lifetimes.ts";
import { checkCommonNames, checkNamespaces } from "./namespaces.ts";
import type { Settings } from "./settings.ts";
import { checkTrustAnchor } from "./trustAnchor.ts";
import { checkViz } from "./viz.ts";

/** All that is wrong with settings at a time, as far as they are known. */
export function checkSettings(settings: Settings, now = new Date()): Finding[] {
  const { certManager, crds, controlPlane, cni, viz, trustAnchor } = settings;
  const installsTrustManager = trustAnchor.source === "cluster" && settings.trustManager.install;
  const trustManager = { ...settings.trustManager, install: installsTrustManager };
  return [
    ...checkNamespaces(settings),
    ...checkTrustAnchor(settings, now),
    ...checkSettingsLifetimes(settings),
    ...checkIdentityIssuer(settings),
    ...checkHelmTimeout(settings.helmTimeoutSeconds),
    ...checkControlPlane(settings),
    ...checkRepository("controlPlane", controlPlane, { crds, controlPlane, cni, viz }),
    ...(certManager.install ? checkCertManager(certManager) : []),
    ...(trustManager.install ? checkTrustManager(trustManager) : []),
    ...checkRepository("certManager", certManager, { certManager, trustManager }),
    ...(cni.install ? checkCni(settings) : []),
    ...(viz.install ? checkViz(settings) : []),
    ...checkCommonNames(settings),
  ];
}
