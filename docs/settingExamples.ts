/** What each setting of `Pulumi.yaml` may be, and an example that `check` accepts. A boolean needs neither. */

export interface SettingExample {
  /** What its values are, beyond their type. */
  readonly range: string;
  readonly example: unknown;
  /** What has to be set beside it, for it to be accepted or to have an effect. */
  readonly with?: Readonly<Record<string, unknown>>;
}

const namespace = (example: string): SettingExample => ({
  range: "a namespace's name, but `default` and `kube-…`",
  example,
});
const domain = (example: string): SettingExample => ({
  range: "lower-case labels, joined by dots",
  example,
});
const values = (example: object, besides: Pick<SettingExample, "with"> = {}): SettingExample => ({
  range: "values of the chart",
  example,
  ...besides,
});
const chart = (name: string, besides: Pick<SettingExample, "with"> = {}): SettingExample => ({
  range: "a name, `oci://…`, or a path that starts with `./` or `../`",
  example: `oci://registry.example.com/charts/${name}`,
  ...besides,
});
const version = (example: string, besides: Pick<SettingExample, "with"> = {}): SettingExample => ({
  range: "exact: no `^`, `~`, `*`, `latest`",
  example,
  ...besides,
});
const repository: SettingExample = {
  range: "`http://…` or `https://…`",
  example: "https://charts.example.com",
};

const onCluster = { with: { trustAnchorSource: "cluster" } };
const withCni = { with: { installLinkerdCni: true } };
const withViz = { with: { installLinkerdViz: true } };

export const settingExamples: Readonly<Record<string, SettingExample>> = {
  linkerdNamespace: namespace("mesh"),
  clusterDomain: domain("k8s.example.com"),
  trustDomain: domain("mesh.example.com"),

  trustAnchorSource: { range: "`stack` or `cluster`", example: "cluster" },
  clusterTrustAnchorDuration: {
    range: "8040h or more above `clusterTrustAnchorRenewBefore`",
    example: "43800h",
    ...onCluster,
  },
  clusterTrustAnchorRenewBefore: {
    range: "above `issuerDuration` + `issuanceLifetime` + `clockSkewAllowance`, at most 720h",
    example: "240h",
    with: { ...onCluster.with, certManagerChartVersion: "v1.20.0" },
  },
  trustAnchorGenerations: { range: "from 1 on, rising, at least one", example: [1, 2] },
  signingGeneration: {
    range: "one of `trustAnchorGenerations`",
    example: 2,
    with: { trustAnchorGenerations: [1, 2] },
  },
  distrustedTrustAnchors: {
    range: "of `trustAnchorGenerations`, below `signingGeneration`",
    example: [1],
    with: { trustAnchorGenerations: [1, 2], signingGeneration: 2 },
  },
  trustAnchorRotationAllowance: { range: "0 or more", example: "4380h" },
  trustAnchorValidityPeriodHours: {
    range: "1 to 2562047, above `issuerDuration` + `issuanceLifetime`",
    example: 43_800,
  },
  trustAnchorWarnBefore: { range: "0 or more", example: "2160h" },
  providedTrustAnchors: {
    range:
      "by generation: `certificatePem` or `certificateFile`; `privateKeyPem` or `privateKeyFile`; `crossCertificatePem` or `crossCertificateFile`",
    example: { 1: { certificateFile: "../pki/root.pem", privateKeyFile: "../pki/root.key" } },
  },

  issuerDuration: { range: "1h or more, above `issuerRenewBefore`", example: "72h" },
  issuerRenewBefore: {
    range: "5m or more, above `issuanceLifetime` + `clockSkewAllowance`, below `issuerDuration`",
    example: "32h",
  },
  identityIssuerSource: { range: "`certManager` or `secret`", example: "secret" },
  identityIssuerRef: {
    range: "`name`; `kind`, `group`",
    example: { name: "company", kind: "ClusterIssuer" },
  },
  vaultIssuer: {
    range: "`server`, `path`, `auth`; `caBundlePem`, `namespace`",
    example: {
      server: "https://vault.example.com:8200",
      path: "pki/root/sign-intermediate",
      auth: { kubernetes: { role: "linkerd" } },
    },
  },
  issuanceLifetime: {
    range: "above 0; with `clockSkewAllowance` below `issuerRenewBefore`",
    example: "12h",
  },
  clockSkewAllowance: { range: "0 or more; see `issuanceLifetime`", example: "10s" },

  webhookCertificateDuration: {
    range: "1h to 43800h, above `webhookCertificateRenewBefore`",
    example: "48h",
  },
  webhookCertificateRenewBefore: {
    range: "5m or more, below `webhookCertificateDuration`",
    example: "12h",
  },

  certManagerNamespace: namespace("pki"),
  certManagerChart: chart("cert-manager"),
  certManagerChartVersion: version("v1.20.0"),
  certManagerChartRepository: repository,
  certManagerChartRepositoryUsername: {
    range: "with its password",
    example: "robot",
    with: { certManagerChartRepositoryPassword: "…" },
  },
  certManagerChartRepositoryPassword: {
    range: "with its user name",
    example: "…",
    with: { certManagerChartRepositoryUsername: "robot" },
  },
  certManagerValues: values({ replicaCount: 2 }),

  trustManagerChart: chart("trust-manager", onCluster),
  trustManagerChartVersion: version("v0.20.0", onCluster),
  trustManagerValues: values({ replicaCount: 2 }, onCluster),

  linkerdChartRepository: repository,
  linkerdChartRepositoryUsername: {
    range: "with its password",
    example: "robot",
    with: { linkerdChartRepositoryPassword: "…" },
  },
  linkerdChartRepositoryPassword: {
    range: "with its user name",
    example: "…",
    with: { linkerdChartRepositoryUsername: "robot" },
  },
  linkerdCrdsChart: chart("linkerd-crds"),
  linkerdCrdsChartVersion: version("2026.8.2"),
  linkerdCrdsValues: values({ enableHttpRoutes: false }),
  linkerdControlPlaneChart: chart("linkerd-control-plane"),
  linkerdControlPlaneChartVersion: version("2026.8.2"),
  linkerdControlPlaneValues: values({ proxy: { logLevel: "warn" } }),

  linkerdCniNamespace: { ...namespace("plugins"), ...withCni },
  linkerdCniChart: chart("linkerd2-cni", withCni),
  linkerdCniChartVersion: version("2026.8.2", withCni),
  linkerdCniValues: values({ logLevel: "debug" }, withCni),

  linkerdVizNamespace: { ...namespace("viz"), ...withViz },
  linkerdVizChart: chart("linkerd-viz", withViz),
  linkerdVizChartVersion: version("2026.8.2", withViz),
  linkerdVizValues: values({ defaultLogLevel: "debug" }, withViz),

  credentialWriters: {
    range: "names of users or groups",
    example: ["system:serviceaccount:velero:velero"],
    with: { guardCredentials: true },
  },

  alertLabels: {
    range: "labels and their values",
    example: { release: "kube-prometheus-stack" },
    with: { installAlerts: true },
  },
  helmTimeoutSeconds: { range: "1 or more", example: 900 },
  kubeconfig: { range: "a path, not the file's text", example: "~/.kube/production" },
  kubeContext: { range: "a context of the kubeconfig", example: "my-production-cluster" },
};
