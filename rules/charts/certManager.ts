/** What cert-manager's charts have from which version on. */
import semver from "semver";
import { known } from "../known.ts";
import type { Settings } from "../settings/settings.ts";
import { namedChart } from "./version.ts";

const since = {
  /** `certificateRequestMaximumBackoffDuration` (#8893). An older controller refuses a field that it does not know. */
  maximumBackOff: ">=1.21.0",
  /** `spec.renewal.policy: Disabled`, on which 1.21.0 panics (#9038). */
  disabledRenewal: ">=1.21.1",
};

/** Whether cert-manager has a feature: of one that this program does not install, nothing is known. */
export function certManagerHas(
  feature: keyof typeof since,
  { install, chart, chartVersion }: Pick<Settings["certManager"], "install" | "chart" | "chartVersion">,
): boolean {
  const named = install ? namedChart(chart, known(chartVersion) ?? "") : undefined;
  return named?.name === "cert-manager" && semver.satisfies(named.version, since[feature]);
}
