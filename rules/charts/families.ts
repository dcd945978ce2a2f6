/**
 * The families of Linkerd's charts: what each accepts, as upstream's chart sources have it at the release tags.
 *
 * No chart has a schema for its values: what it does not know, it silently ignores. So the values are made from this
 * table, and a value of the user's that the chosen chart would ignore is refused.
 */
import semver from "semver";
import { namedChart } from "./version.ts";

/** How a chart of definitions installs those of the Gateway API. */
interface GatewayApi {
  /** The values that switch them, all at once or a part each. */
  readonly switches: readonly string[];
  /** Older switches, each of which wins over the others if it is set. */
  readonly olderSwitches?: readonly string[];
  /** What they install, in the group gateway.networking.k8s.io. */
  readonly definitions: readonly string[];
  /** Whether Linkerd looks for these definitions. */
  readonly isNeeded: boolean;
}

/** Charts between two versions that take the same values. */
export interface ChartFamily {
  /** Versions of Linkerd, as a user knows them. */
  readonly linkerd: string;
  /** Up to Linkerd 2.11 one chart has everything; from 2.12 on, `linkerd-crds` has the definitions. */
  readonly chart: "linkerd2" | "linkerd-control-plane";
  /** Range of the chart's versions. */
  readonly versions: string;
  /** Whether the chart knows `identity.externalCA`: a bundle that someone else distributes. */
  readonly externalCA: boolean;
  /** Whether its webhooks take their CA from cert-manager's cainjector (`injectCaFrom`). */
  readonly injectCaFrom: boolean;
  /** Whether its pods keep to the pod-security level `restricted` if a CNI plugin sets up their network. */
  readonly restrictedPods: boolean;
  /** How linkerd-crds installs the Gateway API's definitions; absent if it has none of them. */
  readonly gatewayApi?: GatewayApi;
  /**
   * Minor versions of Kubernetes 1 that it fits. Charts within a family can ask for a newer one (`kubeVersion`), which
   * Helm refuses to pass over.
   */
  readonly kubernetes: { readonly from: number; readonly through?: number; readonly why?: string };
}

const beforeSplit = { chart: "linkerd2", injectCaFrom: false, restrictedPods: false } as const;
const afterSplit = {
  chart: "linkerd-control-plane",
  externalCA: true,
  injectCaFrom: true,
  restrictedPods: true,
} as const;

const httpRoutes: GatewayApi = {
  switches: ["enableHttpRoutes"],
  // From edge-24.5.2 on, gRPC routes go with them.
  definitions: ["httproutes"],
  isNeeded: false,
};

const routesByProtocol: GatewayApi = {
  switches: ["enableHttpRoutes", "enableTlsRoutes", "enableTcpRoutes"],
  definitions: ["grpcroutes", "httproutes", "tcproutes", "tlsroutes"],
  isNeeded: false,
};

const allRoutes: GatewayApi = {
  switches: ["installGatewayAPI"],
  olderSwitches: routesByProtocol.switches,
  definitions: routesByProtocol.definitions,
  isNeeded: true,
};

/** Every definition of the Gateway API that some chart installs. */
export const gatewayApiDefinitions = allRoutes.definitions;

/** All of them together, for people. */
export const supportedCharts = "linkerd2 >=2.10.0 <2.12.0, linkerd-control-plane >=1.9.0";

/** Every family, oldest first. */
export const chartFamilies: readonly ChartFamily[] = [
  {
    ...beforeSplit,
    linkerd: "2.10",
    versions: ">=2.10.0 <2.11.0",
    externalCA: false,
    kubernetes: { from: 16, through: 24, why: "it always has a PodSecurityPolicy" },
  },
  {
    ...beforeSplit,
    linkerd: "2.11",
    versions: ">=2.11.0 <2.12.0",
    externalCA: true,
    kubernetes: {
      from: 16,
      through: 24,
      why: "its heartbeat is a CronJob of batch/v1beta1 (disableHeartBeat)",
    },
  },
  {
    ...afterSplit,
    linkerd: "2.12, and edges to edge-22.12",
    versions: ">=1.9.0 <1.11.1",
    restrictedPods: false,
    kubernetes: { from: 21 },
  },
  {
    ...afterSplit,
    linkerd: "2.13, and edges from edge-23.1 to edge-23.6",
    versions: ">=1.11.1 <1.13.8",
    kubernetes: { from: 21 },
  },
  {
    ...afterSplit,
    linkerd: "2.14, and edges from edge-23.7 to edge-24.2",
    versions: ">=1.13.8 <2.0.0",
    gatewayApi: httpRoutes,
    kubernetes: { from: 21 },
  },
  {
    ...afterSplit,
    linkerd: "edge-24.3 to edge-24.10.3",
    versions: ">=2024.3.1 <2024.10.4",
    gatewayApi: httpRoutes,
    kubernetes: { from: 22 },
  },
  {
    ...afterSplit,
    linkerd: "edge-24.10.4 to edge-25.2",
    versions: ">=2024.10.4 <2025.3.1",
    gatewayApi: routesByProtocol,
    kubernetes: { from: 22 },
  },
  {
    ...afterSplit,
    linkerd: "edge-25.3 to edge-26.4",
    versions: ">=2025.3.1 <2026.5.1",
    gatewayApi: allRoutes,
    kubernetes: { from: 23 },
  },
  {
    ...afterSplit,
    linkerd: "edge-26.5 and newer",
    versions: ">=2026.5.1",
    gatewayApi: allRoutes,
    kubernetes: { from: 31 },
  },
];

/** The family of a chart, as settings name it; `undefined` if it cannot be told, or none is known. */
export function familyOf(chart: string, version: string): ChartFamily | undefined {
  const named = namedChart(chart, version);
  return chartFamilies.find(
    (family) => family.chart === named?.name && semver.satisfies(named.version, family.versions),
  );
}

/** Whether the definitions are in a chart of their own, `linkerd-crds`. */
export function hasCrdsChart(family: ChartFamily): boolean {
  return family.chart === "linkerd-control-plane";
}

/** Values of linkerd-crds that say who owns the Gateway API's definitions. */
export function gatewayApiValues({ gatewayApi }: ChartFamily, install: boolean): Record<string, boolean> {
  return Object.fromEntries((gatewayApi?.switches ?? []).map((path) => [path, install]));
}
