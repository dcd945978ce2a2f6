/** Settings of cert-manager and of trust-manager. */
import semver from "semver";
import { checkOwned } from "../charts/values.ts";
import { namedChart } from "../charts/version.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { checkChart } from "./charts.ts";
import type { Settings } from "./settings.ts";

const installCrds = {
  path: "installCRDs",
  value: false,
  fix: "Remove it: this program sets crds.enabled, which has taken its place.",
};

export function* checkCertManager(certManager: Settings["certManager"]): Iterable<Finding> {
  yield* checkChart("certManager", certManager, "certManager");
  const version = namedChart(certManager.chart, known(certManager.chartVersion) ?? "")?.version;
  // Older charts have it in place of crds.enabled; newer ones fail if both are true.
  const hasCrdsValues = version !== undefined && semver.gte(version, "1.15.0");
  yield* checkOwned("certManager.values", certManager.values, [
    ...(hasCrdsValues ? [installCrds] : []),
    {
      path: "crds.enabled",
      value: true,
      fix: "Remove it: without the definitions there are no Certificates.",
    },
    { path: "crds.keep", fix: "Remove it, and set certManager.keepCrds instead." },
    {
      path: "startupapicheck.enabled",
      value: true,
      fix: "Remove it: this check is how the installation knows that cert-manager's webhook answers.",
    },
  ]);
}

export function* checkTrustManager(trustManager: Settings["trustManager"]): Iterable<Finding> {
  yield* checkChart("trustManager", trustManager, "certManager");
  yield* checkOwned("trustManager.values", trustManager.values, [
    {
      path: "app.trust.namespace",
      fix: "Remove it, and set certManager.namespace instead: the trust anchor's Secrets are there.",
    },
    { path: "namespace", fix: "Remove it, and set certManager.namespace instead." },
    { path: "crds.enabled", value: true, fix: "Remove it: without the definition there are no Bundles." },
    { path: "crds.keep", fix: "Remove it, and set certManager.keepCrds instead." },
  ]);
}
