/** `docs/changes.md`: what a change of each setting does to a mesh that runs. `npm run test:changes` makes each change. */
import { type Part, parts } from "../components/parts.ts";

export interface Change {
  /** What it is changed to, in a mesh of the defaults. */
  readonly to: unknown;
  /** What is set beside it. */
  readonly with?: Readonly<Record<string, unknown>>;
  /** What a preview of it needs, and the sandbox lacks. */
  readonly needs?: string;
  /** What changes; or the rule by which it is refused. */
  readonly does: readonly Part[] | { readonly refused: string };
  /** What else is to be known, or how it is done on purpose. */
  readonly note?: string;
}

const refused = (rule: string, note: string) => ({ does: { refused: rule }, note });
const kept = refused("setting-kept", "on purpose: remove the mesh first, with `pulumi destroy`");
const own = refused("own-namespace", "the namespace would be deleted");
const nothing = (note: string) => ({ does: [], note });
const unused = (setting: string) => nothing(`with \`${setting}\` it is as that part's values`);
const repository = nothing("used where a chart is a name: the same chart from elsewhere changes nothing");
const version = (part: Part) => ({
  to: "2026.8.2",
  does: [],
  note: `${parts[part]}, where the chart is no local archive`,
});

/** Every setting, in the order of Pulumi.yaml. */
export const changes: Readonly<Record<string, Change>> = {
  linkerdNamespace: { to: "mesh", ...kept },
  createLinkerdNamespace: { to: false, ...own },
  clusterDomain: {
    to: "other.local",
    with: { trustDomain: "cluster.local" },
    does: ["linkerd-control-plane"],
    note: "`trustDomain` follows it, and has to be kept",
  },
  trustDomain: { to: "other.local", ...kept },
  trustAnchorSource: { to: "cluster", ...kept },
  clusterTrustAnchorDuration: {
    to: "80000h",
    ...refused("other-trust-anchor-source", "it is for that source alone"),
  },
  clusterTrustAnchorRenewBefore: {
    to: "200h",
    ...refused("other-trust-anchor-source", "it is for that source alone"),
  },
  trustAnchorGenerations: { to: [1, 2], does: ["linkerd-control-plane", "linkerd-trust-anchor"] },
  signingGeneration: {
    to: 2,
    with: { trustAnchorGenerations: [1, 2] },
    does: ["linkerd-control-plane", "linkerd-identity-issuer", "linkerd-trust-anchor"],
    note: "with `trustAnchorGenerations`: the older generation vouches for the new one",
  },
  crossSignTrustAnchors: { to: false, ...nothing("nobody has to be vouched for") },
  distrustedTrustAnchors: {
    to: [1],
    ...refused("distrusted-generation", "with a newer generation that signs: `rotate begin --distrust`"),
  },
  trustAnchorRotationAllowance: {
    to: "100h",
    ...nothing("it is asked for when a generation begins to vouch"),
  },
  trustAnchorValidityPeriodHours: { to: 80_000, ...refused("setting-kept", "it would replace every anchor") },
  trustAnchorWarnBefore: { to: "100h", ...nothing("a warning comes at another time") },
  providedTrustAnchors: {
    to: { 2: {} },
    ...refused("setting-parts", "with its certificate, as `trustAnchorGenerations`"),
  },
  protectTrustAnchors: { to: false, ...nothing("anchors can be removed then") },
  issuerDuration: { to: "72h", does: ["linkerd-identity-issuer"] },
  issuerRenewBefore: {
    to: "26h",
    does: ["linkerd-identity-issuer"],
    note: "or only its time of renewal changes",
  },
  identityIssuerSource: {
    to: "secret",
    does: ["linkerd-identity-issuer"],
    note: "the Certificate is removed, and its Secret stays",
  },
  identityIssuerRef: {
    to: { name: "company", kind: "ClusterIssuer" },
    does: ["linkerd-identity-issuer"],
    note: "after a trial of that issuer",
  },
  vaultIssuer: {
    to: {
      server: "https://vault.example.com:8200",
      path: "pki/root/sign-intermediate",
      auth: { tokenSecretRef: { name: "vault-token", key: "token" } },
    },
    does: ["linkerd-identity-issuer", "linkerd-identity-vault"],
  },
  issuanceLifetime: { to: "12h", does: ["linkerd-control-plane"] },
  clockSkewAllowance: { to: "10s", does: ["linkerd-control-plane"] },
  rotateWebhookCredentials: {
    to: false,
    does: ["linkerd-control-plane", "linkerd-webhooks"],
    note: "so the preview; in the update, Helm takes over no Secret that cert-manager has written, fails, and nothing changes",
  },
  webhookCertificateDuration: { to: "48h", does: ["linkerd-webhooks"] },
  webhookCertificateRenewBefore: {
    to: "9h",
    does: ["linkerd-webhooks"],
    note: "or only their time of renewal changes",
  },
  installCertManager: { to: false, ...kept },
  certManagerNamespace: { to: "pki", ...kept },
  createCertManagerNamespace: { to: false, ...own },
  keepCertManagerCrds: {
    to: true,
    does: ["linkerd-cert-manager"],
    note: "an annotation of the definitions changes",
  },
  certManagerChart: {
    to: "oci://registry.example.com/cert-manager",
    needs: "a registry",
    does: ["linkerd-cert-manager"],
    note: "the same chart from elsewhere restarts nothing",
  },
  certManagerChartVersion: {
    to: "v1.20.0",
    does: [],
    note: "Helm upgrades cert-manager, where the chart is no local archive",
  },
  certManagerChartRepository: { to: "https://charts.example.com", ...repository },
  certManagerChartRepositoryUsername: {
    to: "someone",
    ...refused("chart-login", "with its password, and a chart that is a name: nothing"),
  },
  certManagerChartRepositoryPassword: {
    to: "secret",
    ...refused("chart-login", "with its user, and a chart that is a name: nothing"),
  },
  certManagerValues: { to: { replicaCount: 2 }, does: ["linkerd-cert-manager"] },
  installTrustManager: {
    to: false,
    ...nothing("with `trustAnchorSource: cluster`, trust-manager is removed"),
  },
  trustManagerChart: {
    to: "oci://registry.example.com/trust-manager",
    ...unused("trustAnchorSource: cluster"),
  },
  trustManagerChartVersion: { to: "v0.20.0", ...unused("trustAnchorSource: cluster") },
  trustManagerValues: { to: { replicaCount: 2 }, ...unused("trustAnchorSource: cluster") },
  linkerdChartRepository: { to: "https://charts.example.com", ...repository },
  linkerdChartRepositoryUsername: {
    to: "someone",
    ...refused("chart-login", "with its password, and a chart that is a name: nothing"),
  },
  linkerdChartRepositoryPassword: {
    to: "secret",
    ...refused("chart-login", "with its user, and a chart that is a name: nothing"),
  },
  linkerdCrdsChart: {
    to: "oci://registry.example.com/linkerd-crds",
    needs: "a registry",
    does: ["linkerd-control-plane-crds"],
  },
  linkerdCrdsChartVersion: version("linkerd-control-plane-crds"),
  linkerdCrdsValues: { to: { enableHttpRoutes: false }, does: ["linkerd-control-plane-crds"] },
  installGatewayApi: {
    to: true,
    needs: "a chart that has the Gateway API",
    does: ["linkerd-control-plane-crds"],
  },
  linkerdControlPlaneChart: {
    to: "oci://registry.example.com/linkerd-control-plane",
    needs: "a registry",
    does: ["linkerd-control-plane"],
  },
  linkerdControlPlaneChartVersion: version("linkerd-control-plane"),
  highAvailability: { to: true, does: ["linkerd-control-plane"], note: "its workloads get three replicas" },
  linkerdControlPlaneValues: { to: { controllerLogLevel: "debug" }, does: ["linkerd-control-plane"] },
  installLinkerdCni: {
    to: true,
    does: ["linkerd-cni", "linkerd-control-plane", "linkerd-namespace"],
    note: "pods get their network by the plugin from their next start on",
  },
  linkerdCniNamespace: {
    to: "plugins",
    ...nothing("with the plugin installed, it is refused: it would be replaced"),
  },
  createLinkerdCniNamespace: {
    to: false,
    ...nothing("with the plugin installed, it is refused: the namespace would be deleted"),
  },
  linkerdCniChart: { to: "oci://registry.example.com/linkerd2-cni", ...unused("installLinkerdCni") },
  linkerdCniChartVersion: { to: "2026.8.2", ...unused("installLinkerdCni") },
  linkerdCniValues: { to: { logLevel: "debug" }, ...unused("installLinkerdCni") },
  installLinkerdViz: { to: true, does: ["linkerd-viz"] },
  linkerdVizNamespace: { to: "viz", ...nothing("with viz installed, it is refused: it would be replaced") },
  createLinkerdVizNamespace: {
    to: false,
    ...nothing("with viz installed, it is refused: the namespace would be deleted"),
  },
  linkerdVizChart: { to: "oci://registry.example.com/linkerd-viz", ...unused("installLinkerdViz") },
  linkerdVizChartVersion: { to: "2026.8.2", ...unused("installLinkerdViz") },
  linkerdVizValues: { to: { defaultLogLevel: "debug" }, ...unused("installLinkerdViz") },
  guardCredentials: { to: true, does: ["linkerd-guard"] },
  credentialWriters: { to: ["velero"], ...unused("guardCredentials") },
  installAlerts: {
    to: true,
    needs: "the Prometheus Operator's definitions",
    does: ["linkerd-alerts", "linkerd-cert-manager", "linkerd-control-plane"],
    note: "the charts make their PodMonitors: nothing is restarted",
  },
  alertLabels: { to: { release: "monitoring" }, ...unused("installAlerts") },
  helmTimeoutSeconds: {
    to: 700,
    does: ["linkerd-cert-manager", "linkerd-control-plane", "linkerd-control-plane-crds"],
    note: "with the same objects: nothing is restarted",
  },
  kubeconfig: {
    to: "",
    ...nothing("another cluster has nothing of this stack: make a stack of its own for it"),
  },
  kubeContext: {
    to: "",
    ...nothing("another cluster has nothing of this stack: make a stack of its own for it"),
  },
};

/** The page as it should be. */
export function changesPage(): string {
  const rows = Object.entries(changes).map(([key, { to, with: beside, does, note }]) => {
    const set = Object.entries({ [key]: to, ...beside }).map(
      ([name, value]) => `${name}: ${JSON.stringify(value)}`,
    );
    const effect =
      "refused" in does
        ? `refused (\`${does.refused}\`)`
        : does.map((part) => parts[part]).join("; ") || "nothing";
    return `| \`${key}\` | \`${set.join(", ").replaceAll("|", "\\|")}\` | ${effect}${note === undefined ? "" : ` – ${note}`} |`;
  });
  return `<!-- Written by \`npm run -s tables\` from docs/changesPage.ts. -->
# What a change does

What \`pulumi up\` does to a mesh of the defaults that runs, for one change of each setting. What is refused is refused by the
preview, and by an update before it changes anything. \`npm run -s test:changes\` makes each of these changes on a mesh in the
sandbox, whose charts are local archives, and compares.

| Setting | Changed to | What happens |
|---|---|---|
${rows.join("\n")}
`;
}
