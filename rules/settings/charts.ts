/** Where Helm charts come from, in the four ways that Helm knows, and how long Helm may take. */
import { hasCrdsChart } from "../charts/families.ts";
import { releasesOf } from "../charts/releases.ts";
import { isExactVersion, namedChart } from "../charts/version.ts";
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { broken } from "../rules.ts";
import { defaults } from "./defaults.ts";
import type { ChartSettings, Settings } from "./settings.ts";

/** The groups of settings that name a chart, by the one that has its repository. */
export const repositoryCharts = {
  certManager: ["certManager", "trustManager"],
  controlPlane: ["crds", "controlPlane", "cni", "viz"],
} as const;
export const chartGroups = Object.values(repositoryCharts).flat();
type ChartGroup = (typeof chartGroups)[number];

/** Whether each chart is installed. */
export function installedCharts(settings: Settings): Readonly<Record<ChartGroup, boolean>> {
  const { certManager, trustManager, controlPlane, cni, viz, trustAnchor } = settings;
  return {
    certManager: certManager.install,
    trustManager: trustAnchor.source === "cluster" && trustManager.install,
    crds: controlPlane.family === undefined || hasCrdsChart(controlPlane.family),
    controlPlane: true,
    cni: cni.install,
    viz: viz.install,
  };
}

/** From a repository, by its name; from an OCI registry, `oci://…`; or an archive or folder, `./…` or `../…`. */
export function chartSource(chart: string): "repository" | "registry" | "local" {
  if (chart.startsWith("oci://")) return "registry";
  return chart.startsWith("./") || chart.startsWith("../") ? "local" : "repository";
}

/** Checks a chart by itself: whether it is named in one of Helm's ways, in an exact version. */
export function* checkChart(
  group: ChartGroup,
  { chart, chartVersion }: ChartSettings,
  repository: string,
): Iterable<Finding> {
  const source = chartSource(chart);
  if (source === "repository" && !/^[a-z0-9][a-z0-9.-]*$/.test(chart)) {
    yield broken("chart-name", {
      field: `${group}.chart`,
      message: `"${chart}" is neither a chart's name, nor a reference oci://…, nor a path that starts with ./ or ../.`,
      fix: `Name the chart and set ${repository}.chartRepository to its repository; write a path relative to the project's folder.`,
    });
  }
  const version = known(chartVersion);
  if (source !== "local" && version !== undefined && !isExactVersion(version)) {
    yield broken("chart-version", {
      field: `${group}.chartVersion`,
      message: `"${version}" is not an exact version, so each run could install a different chart.`,
      fix: `Write an exact version, such as ${defaults[group].chartVersion}.`,
    });
  }
}

/** Warns of a chart that was not published with the control plane. */
export function* checkRelease(
  group: "crds" | "cni" | "viz",
  { chart, chartVersion }: ChartSettings,
  controlPlane: Settings["controlPlane"],
): Iterable<Finding> {
  // A control plane that is of no family is refused for that.
  if (controlPlane.family === undefined) return;
  const named = namedChart(chart, known(chartVersion) ?? "");
  const other = namedChart(controlPlane.chart, controlPlane.chartVersion);
  if (named === undefined || other === undefined) return;
  const [releases, others] = [releasesOf(named), releasesOf(other)];
  if (releases.length === 0 || others.length === 0) return;
  if (releases.some((release) => others.includes(release))) return;
  yield broken(`${group}-release`, {
    field: `${group}.chartVersion`,
    message: `${named.name} ${named.version} belongs to Linkerd ${releases.join(" or ")}, and the control plane ${other.version} to Linkerd ${others.join(" or ")}.`,
  });
}

/** Refuses a chart whose name and version tell nothing of the values that it takes. */
export function unknownChart(
  group: string,
  { chart, chartVersion }: ChartSettings<never>,
  supported: string,
  fix: string,
): Finding {
  const version = chart.startsWith(".") ? "" : ` in version "${chartVersion}"`;
  return broken("chart-family", {
    field: `${group}.chart`,
    message: `Unknown chart "${chart}"${version}. Supported: ${supported}.`,
    fix,
  });
}

/** Checks a repository, and its login against those charts that are installed and could come from it. */
export function* checkRepository(
  group: keyof typeof repositoryCharts,
  settings: Settings,
): Iterable<Finding> {
  const installs = installedCharts(settings);
  const installed = repositoryCharts[group].filter((name) => installs[name]);
  if (installed.length === 0) return;
  const { chartRepositoryUsername: username, chartRepositoryPassword: password } = settings[group];
  const url = known(settings[group].chartRepository);
  const isLookedUp = (name: ChartGroup) => chartSource(settings[name].chart) === "repository";
  const elsewhere = installed.find((name) => !isLookedUp(name));
  const isUsed = installed.some(isLookedUp);
  if (isUsed && url !== undefined && !/^https?:\/\/./.test(url)) {
    yield broken("chart-repository", {
      field: `${group}.chartRepository`,
      message: `"${url}" is not the URL of a chart repository.`,
      fix: `Write a URL with https://, or name the chart as a reference oci://… or by the path of an archive.`,
    });
  }
  const [given, missing] =
    username === undefined
      ? ["chartRepositoryPassword", "chartRepositoryUsername"]
      : ["chartRepositoryUsername", "chartRepositoryPassword"];
  if (username === undefined && password === undefined) return;
  if (elsewhere !== undefined) {
    yield broken("chart-login", {
      field: `${group}.${given}`,
      message: `Only a chart repository takes a login, and ${elsewhere}.chart is ${settings[elsewhere].chart}.`,
      fix: "Remove it; log in to an OCI registry with `helm registry login`, whose credentials are used.",
    });
  } else if (username === undefined || password === undefined) {
    yield broken("chart-login", {
      field: `${group}.${missing}`,
      message: `This is not set, but ${group}.${given} is.`,
      fix: "Set both, or neither.",
    });
  }
}

/** Checks Helm's timeout. Helm takes zero for its own default. */
export function* checkHelmTimeout(helmTimeoutSeconds: number | object): Iterable<Finding> {
  const seconds = known(helmTimeoutSeconds);
  if (seconds === undefined || (Number.isSafeInteger(seconds) && seconds >= 1)) return;
  yield broken("helm-timeout", {
    field: "helmTimeoutSeconds",
    message: `${seconds} is not a whole number of seconds, 1 or more.`,
    fix: `Set it to ${defaults.helmTimeoutSeconds}, or to a different whole number.`,
  });
}
