/** Where Helm charts come from, in the four ways that Helm knows, and how long Helm may take. */
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import { broken } from "../rules.ts";
import { defaults } from "./defaults.ts";
import type { ChartSettings, RepositorySettings } from "./settings.ts";

/** From a repository, by its name; from an OCI registry, `oci://…`; or an archive or folder, `./…` or `../…`. */
export function chartSource(chart: string): "repository" | "registry" | "local" {
  if (chart.startsWith("oci://")) return "registry";
  return chart.startsWith("./") || chart.startsWith("../") ? "local" : "repository";
}

/** Checks a chart by itself: whether it is named in one of Helm's ways, in an exact version. */
export function* checkChart(
  group: string,
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
  if (source !== "local" && known(chartVersion) === "") {
    yield broken("chart-version", {
      field: `${group}.chartVersion`,
      message: "The version is empty, so each run would install whichever chart is the newest.",
    });
  }
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
  group: string,
  settings: RepositorySettings,
  charts: Readonly<Record<string, { readonly chart: string; readonly install?: boolean }>>,
): Iterable<Finding> {
  const installed = Object.entries(charts).filter(([, { install = true }]) => install);
  if (installed.length === 0) return;
  const { chartRepositoryUsername: username, chartRepositoryPassword: password } = settings;
  const url = known(settings.chartRepository);
  const elsewhere = installed.find(([, { chart }]) => chartSource(chart) !== "repository");
  const isUsed = installed.some(([, { chart }]) => chartSource(chart) === "repository");
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
      message: `Only a chart repository takes a login, and ${elsewhere[0]}.chart is ${elsewhere[1].chart}.`,
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
