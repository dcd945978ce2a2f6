/**
 * What the sandbox is made of: upstream's own programs and charts, each pinned by a Go module in `../go`.
 *
 * Everything is built from the Go module proxy, since that is the one place that serves all of it. Versions live in
 * the `go.mod` files; this table only says which package becomes which program.
 */

/** What a sandbox does without until it is asked for, with everything that goes with it. */
export const extras = [
  "linkerd",
  "linkerd-cni",
  "linkerd-viz",
  "trust-manager",
  "kwok",
  "mesh-load",
  "vault",
  "linkerd-2.10",
  "workflows",
  "prometheus",
  "go-tests",
] as const;

export type Extra = (typeof extras)[number];

/** Commands of the sandbox's shell that are built when they are first run. Each is an extra of the same name. */
export const builtWhenRun: readonly Extra[] = ["linkerd"];
export const isBuiltWhenRun = (name: string) => builtWhenRun.some((command) => command === name);

interface Pinned {
  readonly name: string;
  /** Folder below `sandbox/go` whose `go.mod` pins it. */
  readonly module: string;
  /** The extra that it is part of; without one, every sandbox has it. */
  readonly extra?: Extra;
}

/** A program that is built from a Go package; its name is that on the sandbox's `PATH`. */
export interface Tool extends Pinned {
  /** Import path, or a path relative to the module. */
  readonly package: string;
  /** Folder of our own sources that end up in the program, relative to the module; none for upstream's programs. */
  readonly ownSources?: string;
  /** Go variables that the linker sets, as upstream's release builds do. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Files that the package embeds and its module holds elsewhere: from (module path and file) → to. */
  readonly embeds?: { readonly module: string; readonly files: Readonly<Record<string, string>> };
  /** Commands (`go …`) that generate sources before the build. */
  readonly generate?: readonly (readonly string[])[];
  readonly flags?: readonly string[];
  /**
   * Processor time of a build without a cache, from which estimates start: after the module's programs above it, but of an
   * extra by itself, since most are built later.
   */
  readonly cpuSeconds: number;
  /** The program that it replaces in a sandbox, as another version of the same. */
  readonly inPlaceOf?: string;
}

/** A Helm chart that is packaged from the sources in a Go module, as upstream's release process does. */
export interface ChartPackage extends Pinned {
  /** The Go module that carries the chart. */
  readonly source: string;
  /** Folder in that module that holds the chart, and its siblings that it depends on by `file://`. */
  readonly directory: string;
  readonly siblings?: readonly string[];
  readonly version: string;
  readonly appVersion: string;
  /** Text in `values.yaml` that upstream's release process replaces. */
  readonly replacements?: Readonly<Record<string, string>>;
}

/** Kubernetes version of the sandbox, and the last that has PodSecurityPolicies, as Linkerd 2.10 and 2.11 need them. */
const kubernetesVersion = "v1.36.3";
const oldKubernetesVersion = "v1.24.17";
/** Version of the Pulumi engine that is built unless `PATH` has one that is as new. */
export const pulumiVersion = "v3.274.1";
/** The commit of linkerd2 that the sandbox runs, in the form that upstream's development builds use. */
const linkerdVersion = "git-e1ba0e03";
const oldLinkerdVersion = "stable-2.10.2";
const certManagerVersion = "v1.21.2";
const trustManagerVersion = "v0.24.0";
/** Its Go module has it as v0.315.0. */
const prometheusVersion = "3.15.0";

/** What the linker sets in one of Kubernetes' packages that hold its version. */
function versionVariables(packagePath: string, version: string): Record<string, string> {
  const [major, minor] = version.slice(1).split(".");
  return {
    [`${packagePath}.gitVersion`]: version,
    [`${packagePath}.gitMajor`]: major!,
    [`${packagePath}.gitMinor`]: minor!,
  };
}

function kubernetesTool(name: string, cpuSeconds: number): Tool {
  return {
    name,
    module: "cluster",
    package: `k8s.io/kubernetes/cmd/${name}`,
    variables: versionVariables("k8s.io/component-base/version", kubernetesVersion),
    cpuSeconds,
  };
}

function oldKubernetesTool(program: string, cpuSeconds: number): Tool {
  return {
    ...kubernetesTool(program, cpuSeconds),
    name: `${program}-1.24`,
    module: "kubernetes-1.24",
    variables: {
      ...versionVariables("k8s.io/component-base/version", oldKubernetesVersion),
      // Its API server answers with this one.
      ...versionVariables("k8s.io/client-go/pkg/version", oldKubernetesVersion),
    },
    extra: "linkerd-2.10",
    inPlaceOf: program,
  };
}

/**
 * Versions of the provider plugins, equal to those of the npm packages: the engine asks for the plugin by its package's
 * version.
 */
export const providerVersions = { kubernetes: "4.25.0", tls: "5.3.1", random: "4.21.1" };

function bridgedProvider(name: "tls" | "random", cpuSeconds: number): Tool {
  return {
    name: `pulumi-resource-${name}`,
    module: "pulumi-terraform",
    package: `./${name}/resource`,
    ownSources: ".",
    variables: { "main.version": providerVersions[name] },
    cpuSeconds,
  };
}

function prometheusTool(name: "prometheus" | "promtool", cpuSeconds: number): Tool {
  return {
    name,
    module: "prometheus",
    package: `github.com/prometheus/prometheus/cmd/${name}`,
    // Upstream's own way to leave out every cloud's service discovery. Without the tag builtinassets there is no web page, whose
    // files the module does not hold.
    flags: ["-tags=remove_all_sd,enable_kubernetes_sd"],
    variables: { "github.com/prometheus/common/version.Version": prometheusVersion },
    cpuSeconds,
    extra: "prometheus",
  };
}

/** A release build, which carries its charts; a development build reads them from its sources at run time. */
const linkerdRelease = {
  module: "linkerd",
  ownSources: "templates",
  variables: { "github.com/linkerd/linkerd2/pkg/version.Version": linkerdVersion },
  generate: [
    ["mod", "vendor", "-e"],
    ["run", "-mod=mod", "./templates"],
  ],
  flags: ["-tags=prod", "-mod=vendor"],
};

function linkerdTool(name: string, directory: string, cpuSeconds: number): Tool {
  return { name, ...linkerdRelease, package: `github.com/linkerd/linkerd2/${directory}`, cpuSeconds };
}

export const tools: readonly Tool[] = [
  kubernetesTool("kube-apiserver", 630),
  kubernetesTool("kube-controller-manager", 144),
  kubernetesTool("kube-scheduler", 8),
  kubernetesTool("kubelet", 41),
  kubernetesTool("kubectl", 52),
  { name: "etcd", module: "cluster", package: "go.etcd.io/etcd/server/v3", cpuSeconds: 20 },
  { name: "kwok", module: "cluster", package: "sigs.k8s.io/kwok/cmd/kwok", cpuSeconds: 22, extra: "kwok" },
  { name: "helm", module: "cluster", package: "helm.sh/helm/v3/cmd/helm", cpuSeconds: 24 },
  {
    name: "cert-manager",
    module: "cluster",
    package: "github.com/cert-manager/cert-manager/sandbox",
    ownSources: "certmanager",
    variables: { "github.com/cert-manager/cert-manager/pkg/util.AppVersion": certManagerVersion },
    cpuSeconds: 89,
  },
  {
    name: "trust-manager",
    module: "cluster",
    package: "github.com/cert-manager/trust-manager/cmd/trust-manager",
    cpuSeconds: 240,
    extra: "trust-manager",
  },
  {
    name: "pulumi-resource-kubernetes",
    module: "pulumi-kubernetes",
    package: ".",
    ownSources: ".",
    variables: { "main.version": providerVersions.kubernetes },
    embeds: {
      module: "github.com/pulumi/pulumi-kubernetes/provider/v4",
      files: {
        "cmd/pulumi-resource-kubernetes/schema.json": "schema.json",
        "cmd/pulumi-resource-kubernetes/terraform-mapping.json": "terraform-mapping.json",
      },
    },
    cpuSeconds: 786,
  },
  {
    name: "pulumi",
    module: "pulumi",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    variables: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": pulumiVersion },
    cpuSeconds: 485,
  },
  {
    name: "pulumi-language-nodejs",
    module: "pulumi",
    package: "./language-host",
    ownSources: "language-host",
    variables: { "main.version": pulumiVersion.slice(1) },
    cpuSeconds: 32,
  },
  bridgedProvider("tls", 312),
  bridgedProvider("random", 6),
  linkerdTool("linkerd-controller", "controller/cmd", 270),
  { ...linkerdTool("linkerd", "cli", 25), extra: "linkerd" },
  { name: "machine", module: "machine", package: ".", ownSources: ".", cpuSeconds: 5 },
  { name: "process-runtime", module: "process-runtime", package: ".", ownSources: ".", cpuSeconds: 15 },
  { name: "linkerd-proxy", module: "proxy", package: ".", ownSources: ".", cpuSeconds: 3 },
  {
    name: "mesh-load",
    module: "proxy",
    package: "./load",
    ownSources: ".",
    cpuSeconds: 3,
    extra: "mesh-load",
  },
  {
    name: "vault",
    module: "vault",
    package: "github.com/hashicorp/vault",
    // Vault's own way to leave out every cloud's part; `pki`, tokens and `approle` stay.
    flags: ["-tags=minimal"],
    cpuSeconds: 500,
    extra: "vault",
  },
  {
    // Kubernetes login is left out with the clouds' parts; a Vault runs it as a plugin as well.
    name: "vault-plugin-auth-kubernetes",
    module: "vault",
    package: "github.com/hashicorp/vault-plugin-auth-kubernetes/cmd/vault-plugin-auth-kubernetes",
    cpuSeconds: 9,
    extra: "vault",
  },
  { ...linkerdTool("linkerd-tap", "viz/tap/cmd", 280), extra: "linkerd-viz" },
  {
    name: "actionlint",
    module: "workflows",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    cpuSeconds: 20,
    extra: "workflows",
  },
  // jq as GitHub's own command has it.
  {
    name: "jq",
    module: "workflows",
    package: "github.com/itchyny/gojq/cmd/gojq",
    cpuSeconds: 6,
    extra: "workflows",
  },
  prometheusTool("prometheus", 175),
  prometheusTool("promtool", 5),
  oldKubernetesTool("kube-apiserver", 600),
  oldKubernetesTool("kube-controller-manager", 80),
  oldKubernetesTool("kube-scheduler", 30),
  oldKubernetesTool("kubelet", 70),
  {
    ...linkerdRelease,
    name: "linkerd-controller-2.10",
    module: "linkerd-2.10",
    package: "github.com/linkerd/linkerd2/controller/cmd",
    variables: { "github.com/linkerd/linkerd2/pkg/version.Version": oldLinkerdVersion },
    extra: "linkerd-2.10",
    inPlaceOf: "linkerd-controller",
    cpuSeconds: 300,
  },
];

/** Folders of our own whose Go tests are vetted and compiled, each into a program `<folder>.test`. */
export const testedFolders = [
  "process-runtime",
  "pulumi/language-host",
  "proxy",
  "proxy/credentials",
  "proxy/load",
] as const;

function linkerdChart(name: string, version: string, appVersion = linkerdVersion): ChartPackage {
  return {
    name,
    module: "linkerd",
    source: "github.com/linkerd/linkerd2",
    directory: `charts/${name}`,
    siblings: ["charts/partials"],
    version,
    appVersion,
    replacements: { linkerdVersionValue: appVersion },
  };
}

function certManagerChart(name: string, version: string): ChartPackage {
  return {
    name,
    module: "cluster",
    source: `github.com/cert-manager/${name}`,
    directory: `deploy/charts/${name}`,
    version,
    appVersion: version,
  };
}

export const charts: readonly ChartPackage[] = [
  linkerdChart("linkerd-crds", "1.7.0-edge"),
  linkerdChart("linkerd-control-plane", "1.13.1-edge"),
  { ...linkerdChart("linkerd2-cni", "30.9.0-edge"), extra: "linkerd-cni" },
  {
    ...linkerdChart("linkerd-viz", "30.9.1-edge"),
    directory: "viz/charts/linkerd-viz",
    extra: "linkerd-viz",
  },
  { ...linkerdChart("linkerd2", "2.10.2", oldLinkerdVersion), module: "linkerd-2.10", extra: "linkerd-2.10" },
  certManagerChart("cert-manager", certManagerVersion),
  { ...certManagerChart("trust-manager", trustManagerVersion), extra: "trust-manager" },
];

/** What a file of the user's own may take the place of: programs, and charts with `chart:` before their names. */
export const replaceable = [...tools.map(({ name }) => name), ...charts.map(({ name }) => `chart:${name}`)];
