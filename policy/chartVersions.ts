/** Each chart is named in an exact version, so that every run installs the same one. */
import { isLater } from "../rules/known.ts";
import { chartSource, checkChart, type repositoryCharts } from "../rules/settings/charts.ts";
import { types } from "./mesh.ts";
import { type Refusal, type Resource, read, refusalsOf, textAt } from "./resource.ts";

/** The setting that names each release's chart, and the one that has its repository. */
const settings = {
  "cert-manager": ["certManager", "certManager"],
  "trust-manager": ["trustManager", "certManager"],
  "linkerd-crds": ["crds", "controlPlane"],
  "linkerd-control-plane": ["controlPlane", "controlPlane"],
  linkerd2: ["controlPlane", "controlPlane"],
  "linkerd-cni": ["cni", "controlPlane"],
  "linkerd-viz": ["viz", "controlPlane"],
} as const satisfies Readonly<Record<string, readonly [string, keyof typeof repositoryCharts]>>;

/**
 * Refuses a range, `latest`, or no version at all.
 *
 * The Kubernetes provider puts the version that it has found in the place of a range, as soon as all values of the release
 * are known; what it has resolved looks exact here.
 */
export function* checkChartVersion(release: Resource): Iterable<Refusal> {
  const name = textAt(release, "name") ?? "";
  const chart = textAt(release, "chart");
  if (release.type !== types.release || chart === undefined || !Object.hasOwn(settings, name)) return;
  const [group, repository] = settings[name as keyof typeof settings];
  const chartVersion = read(release, "version") ?? "";
  if (chartSource(chart) === "local" || isLater(chartVersion)) return;
  yield* refusalsOf(checkChart(group, { chart, chartVersion: String(chartVersion) }, repository), release);
}
