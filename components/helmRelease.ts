/** What all Helm releases here have in common. */
import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import { chartArgs, type HelmChart } from "./helmChart.ts";
import { plain } from "./settings.ts";

/** Enough for images that come through a slow link; short enough to end a hopeless wait. */
export const defaultHelmTimeoutSeconds = 600;

/** How long to wait for Helm. */
export interface HelmSettings {
  /** Time that one Helm operation may take until it is rolled back, in seconds. Defaults to 600; at least 1. */
  readonly helmTimeoutSeconds?: pulumi.Input<number> | undefined;
}

/**
 * Arguments of a Release that installs this chart.
 *
 * It is atomic: what fails is taken back, so that the next run starts from something whole.
 */
export function releaseArgs(chart: HelmChart, settings: HelmSettings): kubernetes.helm.v3.ReleaseArgs {
  return {
    ...chartArgs(chart),
    atomic: true,
    timeout: settings.helmTimeoutSeconds ?? defaultHelmTimeoutSeconds,
    // Helm's own bound on the revisions that it keeps as Secrets; the provider would keep all.
    maxHistory: 10,
  };
}

/** Checks what is plain of these settings. Zero is refused, since Helm takes it for its own default. */
export function checkHelm(settings: HelmSettings): Finding[] {
  const seconds = plain(settings.helmTimeoutSeconds);
  if (seconds === undefined || (Number.isSafeInteger(seconds) && seconds >= 1)) return [];
  return [
    broken("helm-timeout", {
      field: "helmTimeoutSeconds",
      message: `${seconds} is not a whole number of seconds from 1 on.`,
      fix: `Set it to ${defaultHelmTimeoutSeconds}, or to another such number.`,
    }),
  ];
}
