/** What all Helm releases here have in common. */
import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { type HelmValues, mergeValues } from "../../rules/charts/values.ts";
import { chartSource } from "../../rules/settings/charts.ts";
import type { ChartSettings, RepositorySettings } from "../../rules/settings/settings.ts";

type Later = pulumi.Output<never>;

/** What a component says of a chart's values, beside its user. */
interface OwnValues {
  /** The user's win over these. */
  readonly under?: HelmValues;
  /** These win over the user's. */
  readonly over?: HelmValues;
}

/**
 * Arguments of a Release that installs a chart.
 *
 * It is atomic: what fails is taken back, so that the next run starts from something whole.
 */
export function releaseArgs(
  chart: ChartSettings<Later> & { readonly values: HelmValues },
  repository: RepositorySettings<Later>,
  helmTimeoutSeconds: pulumi.Input<number>,
  { under = {}, over = {} }: OwnValues,
): kubernetes.helm.v3.ReleaseArgs {
  return {
    ...chartArgs(chart, repository),
    values: mergeValues(mergeValues(under, chart.values), over),
    atomic: true,
    timeout: helmTimeoutSeconds,
    // Helm's own bound on the revisions that it keeps as Secrets; the provider would keep all.
    maxHistory: 10,
  };
}

function chartArgs(
  { chart, chartVersion }: ChartSettings<Later>,
  repository: RepositorySettings<Later>,
): Pick<kubernetes.helm.v3.ReleaseArgs, "chart" | "version" | "repositoryOpts"> {
  const { chartRepository: repo, chartRepositoryUsername, chartRepositoryPassword } = repository;
  switch (chartSource(chart)) {
    case "local":
      // The provider reports the archive's own version; a different one here would be a difference on every run.
      return { chart };
    case "registry":
      return { chart, version: chartVersion };
    case "repository":
      return {
        chart,
        version: chartVersion,
        repositoryOpts: {
          repo,
          ...(chartRepositoryUsername === undefined ? {} : { username: chartRepositoryUsername }),
          ...(chartRepositoryPassword === undefined ? {} : { password: chartRepositoryPassword }),
        },
      };
  }
}
