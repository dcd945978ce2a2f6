/** The two Helm releases that this program has, of what has installed the mesh. */
import type { Rendering } from "../../mesh/commandInstallation.ts";
import type { NewRecord } from "../../mesh/helmReleases.ts";
import { familyOf } from "../../rules/charts/families.ts";
import type { HelmValues } from "../../rules/charts/values.ts";
import { countOf } from "../../rules/count.ts";
import { crdsReleaseName } from "../../rules/linkerdNames.ts";
import { chartSource } from "../../rules/settings/charts.ts";
import { defaults } from "../../rules/settings/defaults.ts";
import type { Choice } from "../choice.ts";
import type { Given, Obstacle } from "./adoption.ts";
import type { FoundRelease, Installation } from "./find.ts";
import { withoutKeys, withoutPaths } from "./values.ts";

/** What a record of Helm's says that was written for an adoption: the release is nobody's yet. */
export const adoptedDescription = "Written by linkerd-rotating-tls, to be adopted";

/** A release that the program is going to have. */
interface Part {
  /** Absent if nothing here has such a chart. */
  readonly release?: FoundRelease;
  /** Helm's record of it, if that is not there yet. */
  readonly record?: NewRecord;
  /** Name of the release whose objects it gets. */
  readonly replaces?: string;
  readonly obstacles: readonly Obstacle[];
}

export interface Charts {
  readonly controlPlane: FoundRelease | undefined;
  readonly crds: FoundRelease | undefined;
  readonly records: readonly NewRecord[];
  readonly replaced: readonly string[];
  readonly obstacles: readonly Obstacle[];
}

/** A chart of Linkerd's, and what `linkerd install` has rendered of it. */
interface Wanted {
  /** The setting that says where the chart comes from. */
  readonly setting: string;
  /** Its names, the newest first. */
  readonly names: readonly [string, ...string[]];
  /** The option by which the command renders it. */
  readonly option: "" | " --crds";
  readonly values: object;
  readonly rendering: Rendering | undefined;
}

/** @param inFile what the stack's file says, by its key. */
export function chartsIn(
  { releases, command, namespace }: Installation,
  given: Given,
  inFile: Given,
): Charts {
  const partOf = (wanted: Wanted): Part => {
    const { setting, names, values, rendering } = wanted;
    const known = releases.filter(({ chart }) => names.includes(chart.name));
    if (known.length > 0) return partOfReleases(known);
    if (rendering === undefined) return { obstacles: [] };
    const version = versionOf(rendering.linkerd, given(setting), inFile(`${setting}Version`));
    const chart = { name: names[0], version: version ?? "" };
    const obstacles = renderingObstacles(namespace, wanted, rendering, version);
    return partOfRendering(chart, values, rendering.manifest, obstacles);
  };
  const controlPlane = partOf({
    setting: "linkerdControlPlaneChart",
    names: ["linkerd-control-plane", "linkerd2"],
    option: "",
    values: command.values,
    rendering: command.controlPlane,
  });
  const crds = partOf({
    setting: "linkerdCrdsChart",
    names: [crdsReleaseName],
    option: " --crds",
    values: {},
    rendering: command.definitions,
  });
  const parts = [crds, controlPlane];
  return {
    controlPlane: controlPlane.release,
    crds: crds.release,
    records: parts.flatMap(({ record }) => record ?? []),
    replaced: parts.flatMap(({ replaces }) => replaces ?? []),
    obstacles: parts.flatMap(({ obstacles }) => obstacles),
  };
}

/** Helm cannot rename a release, but what a record of another name says is the same. */
function partOfReleases(releases: readonly FoundRelease[]): Part {
  const [other] = releases.filter(({ name, chart }) => name !== chart.name);
  const named = releases.find(({ name, chart }) => name === chart.name);
  if (named === undefined) {
    const release = { ...other!, name: other!.chart.name };
    return { release, record: release, replaces: other!.name, obstacles: [] };
  }
  const isWritten = other !== undefined && named.description === adoptedDescription;
  return { release: named, ...(isWritten && { replaces: other.name }), obstacles: [] };
}

function partOfRendering(
  chart: FoundRelease["chart"],
  values: object,
  manifest: string,
  obstacles: readonly Obstacle[],
): Part {
  const { name } = chart;
  const release = { name, chart, values, manifest, status: "deployed", description: "", managers: [] };
  return { release, record: { ...release, values: withoutKeys(values as HelmValues).plain }, obstacles };
}

/** The version of a chart; `undefined` if that is not known: until edge-24.3 it was another number than Linkerd's. */
function versionOf(
  linkerd: string,
  archive: string | undefined,
  set: string | undefined,
): string | undefined {
  const [, year = "0", rest] = /^edge-(\d\d)\.(\d+\.\d+)$/.exec(linkerd) ?? [];
  const version = `20${year}.${rest}`;
  if (familyOf("linkerd-control-plane", version) !== undefined) return version;
  return set ?? /-(v?\d+\.\d+\.\d+[^/]*)\.tgz$/.exec(archive ?? "")?.[1];
}

function renderingObstacles(
  namespace: string,
  { setting, option }: Wanted,
  { linkerd, unrecorded }: Rendering,
  version: string | undefined,
): readonly Obstacle[] {
  return [
    ...(version === undefined
      ? [
          {
            subject: `${setting}Version`,
            message: `linkerd install${option} has made what belongs to Linkerd ${linkerd}. The chart of that has a version of its own, which the cluster does not say.`,
            fix: `Look for it (helm search repo linkerd --versions shows both), and say it: pulumi config set ${setting}Version <version>`,
          },
        ]
      : []),
    ...(unrecorded.length === 0
      ? []
      : [
          {
            subject: `Namespace ${namespace}`,
            message: `Of ${countOf(unrecorded.length, "object")} that linkerd install${option} has made, the cluster does not say what was applied, as of ${unrecorded[0]}: kubectl apply keeps that in an annotation, kubectl create and kubectl apply --server-side do not. Without it, an upgrade that fails could not be taken back.`,
            fix: `Apply it as Linkerd's pages have it, by the command of version ${linkerd}: linkerd upgrade${option} | kubectl apply -f -`,
          },
        ]),
  ];
}

export function chartSettings({ chart }: FoundRelease, crds: FoundRelease | undefined, given: Given): Choice {
  const isEdge = /^20\d\d\.|-edge$/.test(chart.version);
  const charts = { linkerdControlPlaneChart: chart, ...(crds && { linkerdCrdsChart: crds.chart }) };
  const settings: Record<string, string> = {};
  for (const [key, { name, version }] of Object.entries(charts)) {
    const source = chartSource(given(key) ?? name);
    if (source === "repository") {
      settings[key] = name;
      settings.linkerdChartRepository = isEdge
        ? defaults.controlPlane.chartRepository
        : "https://helm.linkerd.io/stable";
    }
    // An archive has a version of its own.
    if (source !== "local") settings[`${key}Version`] = version;
  }
  return { why: "What is installed: an upgrade is a change of its own, for later.", settings };
}

/** Without them, Helm would delete the definitions that it has installed, and with them every object of their kinds. */
export function definitionSettings(
  { chart }: FoundRelease,
  crds: FoundRelease | undefined,
): readonly Choice[] {
  const hasGatewayApi = crds?.manifest.includes(".gateway.networking.k8s.io") === true;
  if (!hasGatewayApi || familyOf(chart.name, chart.version)?.gatewayApi === undefined) return [];
  return [
    {
      why: "The chart of definitions has installed the Gateway API's, and keeps them.",
      settings: { installGatewayApi: true },
    },
  ];
}

/** The values of the definitions, without those that switch the Gateway API's. */
export function definitionValues({ chart }: FoundRelease, crds: FoundRelease | undefined): HelmValues {
  const { gatewayApi } = familyOf(chart.name, chart.version) ?? {};
  const switches = [...(gatewayApi?.switches ?? []), ...(gatewayApi?.olderSwitches ?? [])];
  return withoutPaths(crds?.values ?? {}, switches);
}
