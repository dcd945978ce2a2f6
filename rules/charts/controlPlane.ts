/**
 * The families of Linkerd's charts: what each accepts, as upstream's chart sources have it at the release tags.
 *
 * No chart has a schema for its values: what it does not know, it ignores in silence. So the values are made from this
 * table, and a value of the user's that the chosen chart would ignore is refused.
 */

import type { Finding } from "../finding.ts";
import { trustRootsAnnotation } from "../linkerdNames.ts";
import { broken } from "../rules.ts";
import { checkIgnored, type HelmValues, type IgnoredValue, mergeValues, type OwnedValue } from "./values.ts";
import { isWithin, namedChart, type VersionRange } from "./version.ts";

/** Charts that install a control plane. */
type ControlPlaneChart = "linkerd2" | "linkerd-control-plane";

/** How a chart of definitions installs those of the Gateway API. */
interface GatewayApi {
  /** The values that switch them, all at once or a part each. */
  readonly switches: readonly string[];
  /** Older switches, each of which wins over the others where it is set. */
  readonly olderSwitches?: readonly string[];
  /** What they install, in the group gateway.networking.k8s.io. */
  readonly definitions: readonly string[];
  /** Whether Linkerd looks for these definitions. */
  readonly isNeeded: boolean;
}

/** Charts between two versions that take the same values. */
export interface ChartFamily extends VersionRange {
  /** Versions of Linkerd, as a user knows them. */
  readonly linkerd: string;
  readonly chart: ControlPlaneChart;
  /** Where the values of the whole mesh are: at the top, or below `global`. */
  readonly root: "" | "global";
  /** Whether the chart knows `installNamespace` and `namespace`; else both are the release's. */
  readonly ownsNamespace: boolean;
  /** Whether it knows `identity.issuer.crtExpiry`, which it then demands for an issuer of scheme linkerd.io/tls. */
  readonly crtExpiry: boolean;
  /** Whether it knows `identity.externalCA`: a bundle that someone else distributes. */
  readonly externalCA: boolean;
  /** Whether its identity controller refuses an issuer that is not a CA. */
  readonly enforcesIsCa: boolean;
  /** Whether its webhooks take their CA from cert-manager's cainjector (`injectCaFrom`). */
  readonly injectCaFrom: boolean;
  /** Whether its pods keep to the pod-security level `restricted`, where a CNI plugin sets up their network. */
  readonly restrictedPods: boolean;
  /** How linkerd-crds installs the Gateway API's definitions; absent where it has none of them. */
  readonly gatewayApi?: GatewayApi;
  /**
   * Minor versions of Kubernetes 1 that it fits. Charts within a family can ask for a newer one (`kubeVersion`), which Helm
   * refuses to pass over.
   */
  readonly kubernetes: { readonly from: number; readonly through?: number; readonly why?: string };
}

const beforeSplit = {
  chart: "linkerd2",
  ownsNamespace: true,
  injectCaFrom: false,
  restrictedPods: false,
} as const;

const afterSplit = {
  chart: "linkerd-control-plane",
  root: "",
  ownsNamespace: false,
  crtExpiry: false,
  externalCA: true,
  enforcesIsCa: true,
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

/** Every family, oldest first. */
export const chartFamilies: readonly ChartFamily[] = [
  {
    ...beforeSplit,
    linkerd: "2.7–2.9",
    from: [2, 7, 0],
    below: [2, 10, 0],
    root: "global",
    crtExpiry: true,
    externalCA: false,
    enforcesIsCa: false,
    kubernetes: { from: 13, through: 21, why: "its webhooks are of admissionregistration.k8s.io/v1beta1" },
  },
  {
    ...beforeSplit,
    linkerd: "2.10",
    from: [2, 10, 0],
    below: [2, 11, 0],
    root: "",
    crtExpiry: true,
    externalCA: false,
    enforcesIsCa: false,
    kubernetes: { from: 16, through: 24, why: "it always has a PodSecurityPolicy" },
  },
  {
    ...beforeSplit,
    linkerd: "2.11",
    from: [2, 11, 0],
    below: [2, 12, 0],
    root: "",
    crtExpiry: false,
    externalCA: true,
    enforcesIsCa: true,
    kubernetes: {
      from: 16,
      through: 24,
      why: "its heartbeat is a CronJob of batch/v1beta1 (disableHeartBeat)",
    },
  },
  {
    ...afterSplit,
    linkerd: "2.12, and edges to edge-22.12",
    from: [1, 9, 0],
    below: [1, 11, 1],
    restrictedPods: false,
    kubernetes: { from: 21 },
  },
  {
    ...afterSplit,
    linkerd: "2.13, and edges from edge-23.1 to edge-23.6",
    from: [1, 11, 1],
    below: [1, 13, 8],
    kubernetes: { from: 21 },
  },
  {
    ...afterSplit,
    linkerd: "2.14, and edges from edge-23.7 to edge-24.2",
    from: [1, 13, 8],
    below: [2, 0, 0],
    gatewayApi: httpRoutes,
    kubernetes: { from: 21 },
  },
  {
    ...afterSplit,
    linkerd: "edge-24.3 to edge-24.10.3",
    from: [2024, 3, 1],
    below: [2024, 10, 4],
    gatewayApi: httpRoutes,
    kubernetes: { from: 22 },
  },
  {
    ...afterSplit,
    linkerd: "edge-24.10.4 to edge-25.2",
    from: [2024, 10, 4],
    below: [2025, 3, 1],
    gatewayApi: routesByProtocol,
    kubernetes: { from: 22 },
  },
  {
    ...afterSplit,
    linkerd: "edge-25.3 to edge-26.4",
    from: [2025, 3, 1],
    below: [2026, 5, 1],
    gatewayApi: allRoutes,
    kubernetes: { from: 23 },
  },
  {
    ...afterSplit,
    linkerd: "edge-26.5 and newer",
    from: [2026, 5, 1],
    gatewayApi: allRoutes,
    kubernetes: { from: 31 },
  },
];

/** The family of a chart, as a setting has it; `undefined` where it cannot be told, or there is none. */
export function familyOf(chart: string, version: string): ChartFamily | undefined {
  const known = namedChart(chart, version);
  return (
    known && chartFamilies.find((family) => family.chart === known.name && isWithin(known.version, family))
  );
}

/** Whether the definitions are in a chart of their own, `linkerd-crds`. */
export function hasCrdsChart(family: ChartFamily): boolean {
  return family.chart === "linkerd-control-plane";
}

/** Where the mesh's trust bundle comes from: the chart makes it a ConfigMap, or someone else has. */
export type TrustRoots<Text> =
  | { readonly pem: Text }
  /** Hash of that ConfigMap's text. The pods carry it, so that the control plane rolls with the bundle. */
  | { readonly externalSha256: Text };

/** What the control plane's values are made from, whatever the chart. */
export interface MeshValues {
  /** Whether this program installs Linkerd's CNI plugin. */
  readonly cniInstalled: boolean;
  readonly namespace: unknown;
  readonly clusterDomain: unknown;
  readonly identityTrustDomain: unknown;
  readonly trustRoots: TrustRoots<unknown>;
  readonly issuanceLifetime: unknown;
  readonly clockSkewAllowance: unknown;
}

/** The values of a control plane whose issuer's Secret cert-manager writes, at the paths where this family has them. */
export function controlPlaneValues(family: ChartFamily, mesh: MeshValues): HelmValues {
  const { cniInstalled, namespace, clusterDomain, identityTrustDomain, trustRoots, ...leaves } = mesh;
  const wide = {
    clusterDomain,
    identityTrustDomain,
    ...("pem" in trustRoots ? { identityTrustAnchorsPEM: trustRoots.pem } : {}),
    ...(family.ownsNamespace ? { namespace } : {}),
    ...(cniInstalled ? { cniEnabled: true } : {}),
  };
  const issuer = { scheme: "kubernetes.io/tls", ...leaves };
  return {
    ...(family.root === "" ? wide : { [family.root]: wide }),
    // The namespace is made before, with every label, since the issuer's Certificate must be there first.
    ...(family.ownsNamespace ? { installNamespace: false } : {}),
    ...("pem" in trustRoots
      ? { identity: { issuer } }
      : {
          identity: { externalCA: true, issuer },
          podAnnotations: { [trustRootsAnnotation]: trustRoots.externalSha256 },
        }),
  };
}

/** Values of linkerd-crds that say who owns the Gateway API's definitions. */
export function gatewayApiValues({ gatewayApi }: ChartFamily, install: boolean): HelmValues {
  return Object.fromEntries((gatewayApi?.switches ?? []).map((path) => [path, install]));
}

/** The same values, which are not the user's to set differently. */
export function ownedCrdsValues({ gatewayApi }: ChartFamily, install: boolean): OwnedValue[] {
  return [...(gatewayApi?.switches ?? []), ...(gatewayApi?.olderSwitches ?? [])].map((path) => ({
    path,
    value: install,
    fix: "Remove it, and set installGatewayApi instead, so that these definitions have one owner.",
  }));
}

/** Path of a value of the whole mesh in this family's values. */
export function meshPath({ root }: ChartFamily, path: string): string {
  return root === "" ? path : `${root}.${path}`;
}

/** What is around the control plane: its values must fit that. */
export interface Surroundings {
  /** Someone else keeps the ConfigMap with the mesh's anchors. */
  readonly externalCA: boolean;
  /** This program installs Linkerd's CNI plugin. */
  readonly cniInstalled: boolean;
}

/** Values that are this program's to set: each guards a property of the mesh, which its fix names. */
export function ownedValues(family: ChartFamily, { externalCA, cniInstalled }: Surroundings): OwnedValue[] {
  return [
    {
      path: meshPath(family, "clusterDomain"),
      fix: "Remove it, and set clusterDomain of this program instead.",
    },
    {
      path: meshPath(family, "identityTrustDomain"),
      fix: "Remove it, and set trustDomain of this program instead.",
    },
    {
      path: meshPath(family, "identityTrustAnchorsPEM"),
      fix: "Remove it: trustAnchorSource says where the bundle comes from.",
    },
    ...(family.ownsNamespace
      ? [
          {
            path: "installNamespace",
            value: false,
            fix: "Remove it: this program makes the namespace, with every label, before the chart is installed.",
          },
          {
            path: meshPath(family, "namespace"),
            fix: "Remove it, and set linkerdNamespace of this program instead.",
          },
        ]
      : []),
    ...(family.externalCA
      ? [
          {
            path: "identity.externalCA",
            value: externalCA,
            fix: externalCA
              ? "Remove it: the bundle is trust-manager's, and the chart would make another."
              : "Remove it: with an external CA the chart would not hand the bundle to the mesh.",
          },
        ]
      : []),
    ...(cniInstalled
      ? [
          {
            path: meshPath(family, "cniEnabled"),
            value: true,
            fix: "Remove it: the CNI plugin is installed (installLinkerdCni), and pods with linkerd-init would be refused in Linkerd's namespace.",
          },
        ]
      : []),
    ...(externalCA
      ? [
          {
            path: `podAnnotations.${trustRootsAnnotation}`,
            fix: "Remove it: by this annotation the control plane rolls with the bundle.",
          },
        ]
      : []),
    {
      path: "identity.issuer.scheme",
      value: "kubernetes.io/tls",
      fix: "Remove it: cert-manager writes the issuer's Secret in this scheme.",
    },
    {
      path: "identity.issuer.tls",
      fix: "Remove it: cert-manager makes the issuer's key, and no key belongs into Helm values.",
    },
    {
      path: "identity.issuer.issuanceLifetime",
      fix: "Remove it, and set issuanceLifetime of this program instead, where it is checked with the other lifetimes.",
    },
    {
      path: "identity.issuer.clockSkewAllowance",
      fix: "Remove it, and set clockSkewAllowance of this program instead, where it is checked with the lifetimes.",
    },
  ];
}

const webhooks = ["proxyInjector", "profileValidator", "policyValidator"];

/** Values that other families know, and this one ignores. */
function ignoredValues(family: ChartFamily): readonly IgnoredValue[] {
  const below: readonly IgnoredValue[] =
    family.root === ""
      ? [
          {
            rule: "chart-value",
            path: "global",
            fix: "Write what is below global without it: from Linkerd 2.10 on, it is at the top.",
          },
        ]
      : [
          "clusterDomain",
          "identityTrustDomain",
          "identityTrustAnchorsPEM",
          "namespace",
          "cniEnabled",
          "proxy",
          "proxyInit",
        ].map((path) => ({
          rule: "chart-value",
          path,
          fix: `Write it as global.${path}: up to Linkerd 2.9, it is below global.`,
        }));
  const namespaces: readonly IgnoredValue[] = family.ownsNamespace
    ? []
    : [
        {
          rule: "chart-value",
          path: "installNamespace",
          fix: "Remove it: this program makes the namespace, and from Linkerd 2.12 on the chart does not.",
        },
        {
          rule: "chart-value",
          path: "namespace",
          fix: "Remove it, and set linkerdNamespace of this program instead.",
        },
      ];
  // Known or not: it is of an issuer that is given with its key.
  const issuer = ["identity.issuer.crtExpiry", "identity.issuer.crtExpiryAnnotation"].map(
    (path): IgnoredValue => ({
      rule: "chart-value",
      path,
      fix: "Remove it: the issuer's end is in its certificate, which cert-manager renews.",
    }),
  );
  const externalCA: readonly IgnoredValue[] = family.externalCA
    ? []
    : [
        {
          rule: "chart-feature",
          path: "identity.externalCA",
          fix: "Install Linkerd 2.11 or newer, or remove it.",
        },
      ];
  const injection = family.injectCaFrom
    ? []
    : webhooks.flatMap((webhook) =>
        ["injectCaFrom", "injectCaFromSecret"].map(
          (value): IgnoredValue => ({
            rule: "chart-feature",
            path: `${webhook}.${value}`,
            fix: "Install Linkerd 2.12 or newer, or set caBundle.",
          }),
        ),
      );
  return [...below, ...namespaces, ...issuer, ...externalCA, ...injection];
}

/** Values of linkerd-init, the init container that pods do not have where a CNI plugin sets up their network. */
function initContainerValues(family: ChartFamily): readonly IgnoredValue[] {
  return [
    ...["ignoreInboundPorts", "ignoreOutboundPorts", "iptablesMode"].map(
      (name): IgnoredValue => ({
        rule: "chart-value",
        path: meshPath(family, `proxyInit.${name}`),
        fix: `Set ${name} among the values of the CNI plugin instead (linkerdCniValues).`,
      }),
    ),
    {
      rule: "chart-value",
      path: meshPath(family, "proxyInit.skipSubnets"),
      fix: "Set the annotation config.linkerd.io/skip-subnets of the pods or their namespaces instead.",
    },
  ];
}

/** Refuses values of the user's that this family's chart would ignore without a word. */
export function checkKnownToChart(
  field: string,
  values: HelmValues,
  family: ChartFamily,
  cniEnabled: boolean,
): Finding[] {
  const ofFamily = `The chart ${family.chart} of Linkerd ${family.linkerd}`;
  return [
    ...checkIgnored(field, values, ofFamily, ignoredValues(family)),
    ...(cniEnabled
      ? checkIgnored(field, values, `${ofFamily} with cniEnabled`, initContainerValues(family))
      : []),
  ];
}

/** The finding that a chart's family cannot be told. */
export function unknownFamily(field: string, versionField: string, chart: string, version: string): Finding {
  return broken("chart-family", {
    field,
    message:
      `Which values it takes cannot be told of "${chart}"` +
      `${chart.startsWith(".") ? "" : ` in version "${version}"`}: known are ${knownCharts()}.`,
    fix: `Name such a chart and set ${versionField} to its version, or call a local archive <name>-<version>.tgz, as helm package does.`,
  });
}

/** Merges the chart's values for this mesh under or over the user's: theirs win wherever they are not refused. */
export function withUserValues(defaults: HelmValues, user: HelmValues, own: HelmValues): HelmValues {
  return mergeValues(mergeValues(defaults, user), own);
}

function knownCharts(): string {
  const charts = [...new Set(chartFamilies.map(({ chart }) => chart))];
  return charts
    .map((chart) => {
      const ofChart = chartFamilies.filter((family) => family.chart === chart);
      const last = ofChart.at(-1)!.below;
      const end = last === undefined ? " on" : ` to below ${last.join(".")}`;
      return `${chart} from ${ofChart[0]!.from.join(".")}${end}`;
    })
    .join(", ");
}
