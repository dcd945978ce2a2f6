/** The rules about Helm charts and their values. */
import type { Rule } from "../finding.ts";

const ofOneRelease = (part: string, chart: string) =>
  ({
    severity: "warning",
    demand: `${part} and the control plane are of the same Linkerd release.`,
    fix: "Choose charts of one release, which are tested together: from 2024 on their versions are equal.",
    source: `linkerd.io, Helm Chart Version Matrix: ${chart} is published with the control plane`,
  }) as const;

export const chartRules = {
  "chart-name": {
    demand: "A chart is a name in a repository, a reference oci://…, or a path that starts with ./ or ../.",
    fix: "Name the chart and set its repository, or write a path relative to the project's folder.",
    source: "helm install takes a chart in these ways",
  },
  "chart-repository": {
    demand: "A chart repository is a URL.",
    fix: "Write a URL with https://, or give the chart itself as a reference oci://… or as the path of an archive.",
    source: "helm install --repo takes a URL",
  },
  "chart-version": {
    demand: "A chart's version is exact: major, minor and patch, and nothing that leaves a choice.",
    fix: "Write an exact version.",
    source: "helm install takes the newest chart of a range, and the newest of all without --version",
  },
  "chart-login": {
    demand: "A chart repository's username and password are set together, and only for a repository.",
    fix: "Set both or neither; log in to an OCI registry with helm registry login.",
    source: "helm install --username and --password go with --repo",
  },
  "chart-family": {
    demand: "Linkerd's charts are of a name and a version that this program supports.",
    fix: "Choose a chart and a version from docs/versions.md, or name a local archive <name>-<version>.tgz, as helm package does.",
    source: "linkerd2 charts/: values changed their places at 2.10 and 2.12, and no chart has a schema",
  },
  "chart-value": {
    demand: "Every value is one that the chart reads.",
    fix: "Remove it, or write it where this version of the chart has it.",
    source: "linkerd2 charts/: no schema, so Helm ignores unknown values",
  },
  "unknown-value": {
    severity: "warning",
    demand: "Every Helm value is one that this version of the chart has.",
    fix: "Remove it: the chart has nothing like it.",
    source: "upstream's values.yaml, schema and templates at each release; Helm drops what they do not read",
  },
  "chart-feature": {
    demand: "Every feature that is switched on is one that this version of Linkerd has.",
    fix: "Switch the feature off, or install a newer Linkerd.",
    source: "linkerd2 #6455 (externalCA, 2.11), charts/partials/templates/_validate.tpl (injectCaFrom, 2.12)",
  },
  "owned-value": {
    demand: "Values that this program sets itself are not set to anything else.",
    fix: "Remove the value, and use the setting of this program instead if there is one.",
    source: "this program sets it, and something else depends on it",
  },
  "helm-timeout": {
    demand: "Helm's timeout is a whole number of seconds, at least 1.",
    fix: "Set helmTimeoutSeconds to such a number.",
    source: "helm install --timeout",
  },
  "cni-proxy": {
    demand: "The CNI plugin and the proxies agree on ports, user, group and IPv6.",
    fix: "Remove the value from cni.values: what is set for the control plane is handed to the plugin.",
    source:
      "linkerd.io, CNI Plugin: what is changed for linkerd install-cni must be changed for the proxies, too",
  },
  "crds-release": ofOneRelease("Linkerd's definitions", "linkerd-crds"),
  "cni-release": ofOneRelease("The CNI plugin", "linkerd2-cni"),
  "viz-release": ofOneRelease("The viz extension", "linkerd-viz"),
} as const satisfies Readonly<Record<string, Rule>>;
