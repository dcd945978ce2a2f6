/** Where a Helm chart comes from, in the four ways that Helm knows. */
import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import { plain } from "./settings.ts";

/** One chart and its source. */
export interface HelmChart {
  /**
   * The chart, as the `helm` command takes it: a name to look up in `repository`, a reference `oci://…`, or the path of
   * a local archive or folder, which starts with `./` or `../` and is relative to the project's folder.
   */
  readonly chart: string;
  /** Exact version, as the repository or registry spells it. A local archive has its own, and this is not used. */
  readonly version: pulumi.Input<string>;
  /** URL of the repository; used where `chart` is a name. */
  readonly repository: pulumi.Input<string>;
  /** User name and password, or token, of a private repository. They are sent to that repository's host only. */
  readonly username?: pulumi.Input<string> | undefined;
  readonly password?: pulumi.Input<string> | undefined;
}

/** The settings that describe a chart, for findings to name. */
export type HelmChartFields = Readonly<Record<keyof HelmChart, string>>;

type Source = "repository" | "registry" | "local";

function sourceOf(chart: string): Source {
  if (chart.startsWith("oci://")) return "registry";
  return chart.startsWith("./") || chart.startsWith("../") ? "local" : "repository";
}

/** The part of a Release's arguments that says which chart it installs. */
export function chartArgs(
  chart: HelmChart,
): Pick<kubernetes.helm.v3.ReleaseArgs, "chart" | "version" | "repositoryOpts"> {
  switch (sourceOf(chart.chart)) {
    case "local":
      // The provider reports the archive's own version; another one here would be a difference on every run.
      return { chart: chart.chart };
    case "registry":
      return { chart: chart.chart, version: chart.version };
    case "repository":
      return {
        chart: chart.chart,
        version: chart.version,
        repositoryOpts: {
          repo: chart.repository,
          ...(chart.username === undefined ? {} : { username: chart.username }),
          ...(chart.password === undefined ? {} : { password: chart.password }),
        },
      };
  }
}

/** Checks what is plain of a chart's source. */
export function checkChart(chart: HelmChart, fields: HelmChartFields): Finding[] {
  const findings: Finding[] = [];
  const source = sourceOf(chart.chart);
  const repository = plain(chart.repository);
  if (source === "repository" && !/^[a-z0-9][a-z0-9.-]*$/.test(chart.chart)) {
    findings.push(
      broken("chart-name", {
        field: fields.chart,
        message: `"${chart.chart}" is neither a chart's name, nor a reference oci://…, nor a path that starts with ./ or ../.`,
        fix: `Name the chart and put its repository into ${fields.repository}; write a path relative to the project's folder.`,
      }),
    );
  }
  if (source === "repository" && repository !== undefined && !/^https?:\/\/./.test(repository)) {
    findings.push(
      broken("chart-repository", {
        field: fields.repository,
        message: `"${repository}" is not the URL of a chart repository.`,
        fix: `Write a URL with https://, or put a reference oci://… or the path of an archive into ${fields.chart}.`,
      }),
    );
  }
  if (source !== "local" && plain(chart.version) === "") {
    findings.push(
      broken("chart-version", {
        field: fields.version,
        message: "It is empty: each run would install whatever is the newest chart then.",
        fix: "Write an exact version.",
      }),
    );
  }
  if (source !== "repository" && (chart.username !== undefined || chart.password !== undefined)) {
    findings.push(
      broken("chart-login", {
        field: chart.username !== undefined ? fields.username : fields.password,
        message: `Only a chart repository takes it, and ${fields.chart} is ${chart.chart}.`,
        fix: "Remove it; log in to an OCI registry by `helm registry login`, whose credentials are used.",
      }),
    );
  } else if ((chart.username === undefined) !== (chart.password === undefined)) {
    const [given, missing] =
      chart.username === undefined ? [fields.password, fields.username] : [fields.username, fields.password];
    findings.push(
      broken("chart-login", {
        field: missing,
        message: `It is missing, while ${given} is set.`,
        fix: "Set both, or none.",
      }),
    );
  }
  return findings;
}
