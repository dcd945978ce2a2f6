/** What holds for whatever is not set. */
import { anchorWarnBefore } from "../lifetimes/trustAnchor.ts";
import type { Settings } from "./settings.ts";

const linkerdVersion = "2026.8.3";

/** The trust domain follows the cluster's domain; the families follow from the charts. */
type Defaults = Omit<Settings, "trustDomain" | "controlPlane" | "cni"> & {
  readonly controlPlane: Omit<Settings["controlPlane"], "family">;
  readonly cni: Omit<Settings["cni"], "version">;
};

export const defaults = {
  clusterDomain: "cluster.local",
  // Enough for images that come over a slow link; short enough to end a hopeless wait.
  helmTimeoutSeconds: 600,
  trustAnchor: {
    source: "stack",
    generations: [1],
    // Not the newest: one of which nothing is known but its certificate would meet proxies that do not trust it yet.
    signing: 1,
    crossSign: true,
    distrusted: [],
    // Three months: in most meshes, every pod has been restarted once by then for another reason.
    rotationAllowance: "2160h",
    // Ten years: an anchor's end is a rollout over the whole mesh, and no component of Linkerd warns of it in time.
    validityPeriodHours: 87_600,
    provided: {},
    duration: "87600h",
    // A week: longer than an issuer and its leaves live, with room for a longer issuer. No time where renewal is off.
    renewBefore: "168h",
    warnBefore: anchorWarnBefore,
    protect: true,
  },
  identityIssuer: {
    source: "certManager",
    // Two days, as in Linkerd's own documentation: a stolen issuer key is worth little, and a missed renewal shows.
    duration: "48h",
    // An hour more than a leaf lives, so that every leaf of the outgoing issuer can live to its end.
    renewBefore: "25h",
    // Linkerd's own defaults.
    issuanceLifetime: "24h",
    clockSkewAllowance: "20s",
  },
  webhooks: {
    rotateCredentials: true,
    // A day, as in Linkerd's own documentation.
    certificateDuration: "24h",
    // Not its hour, in which cert-manager does not try again: it waits 1h, 2h and 4h after failures, so here three are survived.
    certificateRenewBefore: "8h",
  },
  certManager: {
    install: true,
    namespace: "cert-manager",
    createNamespace: true,
    keepCrds: false,
    chart: "cert-manager",
    chartVersion: "v1.21.2",
    chartRepository: "https://charts.jetstack.io",
    values: {},
  },
  trustManager: { install: true, chart: "trust-manager", chartVersion: "v0.24.0", values: {} },
  crds: { chart: "linkerd-crds", chartVersion: linkerdVersion, installGatewayApi: false, values: {} },
  controlPlane: {
    namespace: "linkerd",
    createNamespace: true,
    chart: "linkerd-control-plane",
    chartVersion: linkerdVersion,
    chartRepository: "https://helm.linkerd.io/edge",
    highAvailability: false,
    values: {},
  },
  cni: {
    install: false,
    namespace: "linkerd-cni",
    createNamespace: true,
    chart: "linkerd2-cni",
    chartVersion: linkerdVersion,
    values: {},
  },
  viz: {
    install: false,
    namespace: "linkerd-viz",
    createNamespace: true,
    chart: "linkerd-viz",
    chartVersion: linkerdVersion,
    values: {},
  },
  // It needs a newer Kubernetes than Linkerd does, and refuses whatever else writes the mesh's credentials.
  guard: { install: false, writers: [] },
  alerts: { install: false, labels: {} },
} as const satisfies Defaults;
