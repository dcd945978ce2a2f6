/** Settings of the alerts. */
import { hasCrdsChart } from "../charts/families.ts";
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { checkParts } from "./parts.ts";
import type { Settings } from "./settings.ts";

export function* checkAlerts({ alerts, controlPlane: { family } }: Settings): Iterable<Finding> {
  if (family !== undefined && !hasCrdsChart(family)) {
    yield broken("chart-feature", {
      field: "alerts.install",
      message: `The chart of Linkerd ${family.linkerd} makes no PodMonitors, by which Prometheus would hear of it.`,
      fix: "Set it to false, or install Linkerd 2.12 or newer.",
    });
  }
  yield* checkParts("alerts.labels", alerts.labels, [], Object.keys(alerts.labels));
}
