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

/** All that is wrong with settings, as far as they are known now. */
export function checkSettings(settings: Settings): Finding[] {
  const { certManager, trustManager, crds, controlPlane, cni, viz, trustAnchor } = settings;
  const installsTrustManager = trustAnchor.source === "cluster" && trustManager.install;
  return [
    ...checkNamespaces(settings),
    ...checkTrustAnchor(settings),
    ...checkSettingsLifetimes(settings),
    ...checkIdentityIssuer(settings),
    ...checkHelmTimeout(settings.helmTimeoutSeconds),
    ...checkControlPlane(settings),
    ...checkRepository("controlPlane", controlPlane, {
      crds: crds.chart,
      controlPlane: controlPlane.chart,
      ...(cni.install ? { cni: cni.chart } : {}),
      ...(viz.install ? { viz: viz.chart } : {}),
    }),
    ...(certManager.install ? checkCertManager(certManager) : []),
    ...(installsTrustManager ? checkTrustManager(trustManager) : []),
    ...(certManager.install || installsTrustManager
      ? checkRepository("certManager", certManager, {
          ...(certManager.install ? { certManager: certManager.chart } : {}),
          ...(installsTrustManager ? { trustManager: trustManager.chart } : {}),
        })
      : []),
    ...(cni.install ? checkCni(settings) : []),
    ...(viz.install ? checkViz(settings) : []),
    ...checkCommonNames(settings),
  ];
}
