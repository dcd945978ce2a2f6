/** Settings that are set, and that nothing reads because of others. */
import { isDeepStrictEqual } from "node:util";
import { valueAt } from "../charts/values.ts";
import { namedChart } from "../charts/version.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { broken } from "../rules.ts";
import { chartGroups, chartSource, installedCharts, repositoryCharts } from "./charts.ts";
import { defaults } from "./defaults.ts";
import { type Settings, signedElsewhere } from "./settings.ts";

/** Warns of each setting that differs from its default, and has no effect. What is refused for it is told elsewhere. */
export function* checkWithoutEffect(settings: Settings): Iterable<Finding> {
  const told = new Set<string>();
  for (const [why, ...paths] of withoutEffect(settings)) {
    for (const path of paths) {
      const value = valueAt(settings, path);
      if (told.has(path) || value === "" || isDeepStrictEqual(value, valueAt(defaults, path))) continue;
      told.add(path);
      yield broken("setting-effect", { field: path, message: `This has no effect: ${why}.` });
    }
  }
}

/** Why settings have no effect, and which. */
function* withoutEffect(settings: Settings): Iterable<readonly [why: string, ...paths: string[]]> {
  const { certManager, trustManager, controlPlane, cni, viz, alerts, webhooks, trustAnchor } = settings;
  const { source, generations, provided } = trustAnchor;
  const installs = installedCharts(settings);
  const ofChart = (group: string) => ["chart", "chartVersion", "values"].map((name) => `${group}.${name}`);
  const ofNamespace = (group: string) => ["namespace", "createNamespace"].map((name) => `${group}.${name}`);

  if (!certManager.install) {
    yield ["certManager.install is false", "certManager.createNamespace", ...ofChart("certManager")];
  }
  if (!certManager.install && !installs.trustManager) {
    yield ["neither cert-manager nor trust-manager is installed here", "certManager.keepCrds"];
    if (source === "stack" && settings.identityIssuer.vault === undefined && !settings.guard.install) {
      yield [
        "cert-manager is someone else's, and nothing is put into its namespace",
        "certManager.namespace",
      ];
    }
  }
  if (source === "stack") {
    yield ['trustAnchor.source is "stack"', "trustManager.install", ...ofChart("trustManager")];
    const signer = signedElsewhere(settings);
    if (signer !== undefined) {
      const ofSigner = ["signing", "crossSign", "distrusted", "rotationAllowance"].map(
        (name) => `trustAnchor.${name}`,
      );
      yield [`${signer} says who signs`, ...ofSigner];
    }
    if (generations.every((generation) => provided[generation] !== undefined)) {
      yield ["every generation of the trust anchor is provided", "trustAnchor.validityPeriodHours"];
    }
  } else if (!trustManager.install) {
    yield ["trustManager.install is false", ...ofChart("trustManager")];
  }
  if (!installs.crds) {
    yield [`the chart ${controlPlane.chart} has the definitions in it`, "crds.chart", "crds.chartVersion"];
  }
  if (!settings.guard.install) yield ["guard.install is false", "guard.writers"];
  if (!cni.install) yield ["cni.install is false", ...ofNamespace("cni"), ...ofChart("cni")];
  if (!viz.install) yield ["viz.install is false", ...ofNamespace("viz"), ...ofChart("viz")];
  if (!alerts.install) yield ["alerts.install is false", "alerts.labels"];
  if (!webhooks.rotateCredentials) {
    const lifetimes = ["webhooks.certificateDuration", "webhooks.certificateRenewBefore"];
    yield ["webhooks.rotateCredentials is false", ...lifetimes];
  }

  for (const group of chartGroups.filter((name) => installs[name])) {
    const { chart, chartVersion } = settings[group];
    if (chartSource(chart) !== "local") continue;
    const own = namedChart(chart, "")?.version.version;
    if (own !== undefined && own === namedChart(group, known(chartVersion) ?? "")?.version.version) continue;
    yield [`the chart ${chart} has its own version`, `${group}.chartVersion`];
  }
  for (const group of ["certManager", "controlPlane"] as const) {
    const used = repositoryCharts[group].filter((name) => installs[name]);
    if (used.some((name) => chartSource(settings[name].chart) === "repository")) continue;
    yield ["no chart that is installed is looked up in it", `${group}.chartRepository`];
    if (used.length > 0) continue;
    const login = ["chartRepositoryUsername", "chartRepositoryPassword"].map((name) => `${group}.${name}`);
    yield ["no chart of this repository is installed", ...login];
  }
}
