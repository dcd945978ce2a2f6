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
export function checkChart(
  group: string,
  { chart, chartVersion }: ChartSettings,
  repository: string,
): Finding[] {
  const source = chartSource(chart);
  const findings: Finding[] = [];
  if (source === "repository" && !/^[a-z0-9][a-z0-9.-]*$/.test(chart)) {
    findings.push(
      broken("chart-name", {
        field: `${group}.chart`,
        message: `"${chart}" is neither a chart's name, nor a reference oci://…, nor a path that starts with ./ or ../.`,
        fix: `Name the chart and set ${repository}.chartRepository to its repository; write a path relative to the project's folder.`,
      }),
    );
  }
  if (source !== "local" && known(chartVersion) === "") {
    findings.push(
      broken("chart-version", {
        field: `${group}.chartVersion`,
        message: "The version is empty, so each run would install whichever chart is the newest.",
        fix: "Write an exact version.",
      }),
    );
  }
  return findings;
}

/** Checks a repository, and its login against the charts that could come from it. */
export function checkRepository(
  group: string,
  settings: RepositorySettings,
  charts: Readonly<Record<string, string>>,
): Finding[] {
  const { chartRepositoryUsername: username, chartRepositoryPassword: password } = settings;
  const url = known(settings.chartRepository);
  const [elsewhere] = Object.entries(charts).filter(([, chart]) => chartSource(chart) !== "repository");
  const isUsed = Object.values(charts).some((chart) => chartSource(chart) === "repository");
  const findings: Finding[] = [];
  if (isUsed && url !== undefined && !/^https?:\/\/./.test(url)) {
    findings.push(
      broken("chart-repository", {
        field: `${group}.chartRepository`,
        message: `"${url}" is not the URL of a chart repository.`,
        fix: `Write a URL with https://, or name the chart as a reference oci://… or by the path of an archive.`,
      }),
    );
  }
  const [given, missing] =
    username === undefined
      ? ["chartRepositoryPassword", "chartRepositoryUsername"]
      : ["chartRepositoryUsername", "chartRepositoryPassword"];
  if (username === undefined && password === undefined) return findings;
  if (elsewhere !== undefined) {
    findings.push(
      broken("chart-login", {
        field: `${group}.${given}`,
        message: `Only a chart repository takes a login, and ${elsewhere[0]}.chart is ${elsewhere[1]}.`,
        fix: "Remove it; log in to an OCI registry with `helm registry login`, whose credentials are used.",
      }),
    );
  } else if (username === undefined || password === undefined) {
    findings.push(
      broken("chart-login", {
        field: `${group}.${missing}`,
        message: `This is not set, but ${group}.${given} is.`,
        fix: "Set both, or neither.",
      }),
    );
  }
  return findings;
}

/** Checks Helm's timeout. Helm takes zero for its own default. */
export function checkHelmTimeout(helmTimeoutSeconds: number | object): Finding[] {
  const seconds = known(helmTimeoutSeconds);
  if (seconds === undefined || (Number.isSafeInteger(seconds) && seconds >= 1)) return [];
  return [
    broken("helm-timeout", {
      field: "helmTimeoutSeconds",
      message: `${seconds} is not a whole number of seconds, 1 or more.`,
      fix: `Set it to ${defaults.helmTimeoutSeconds}, or to a different whole number.`,
    }),
  ];
}
