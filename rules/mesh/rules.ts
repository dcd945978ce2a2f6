/** The rules about a cluster and the mesh that runs there. */
import type { Rule } from "../finding.ts";

export const meshRules = {
  "cluster-readable": {
    severity: "error",
    demand:
      "The cluster can be reached, and shows the Secrets and ConfigMaps of the control plane's namespace.",
    fix: "Name a cluster that answers, and the namespace of its control plane; check your permissions there.",
    source: "npm run check --secret",
  },
  "kubernetes-version": {
    severity: "error",
    demand: "The cluster's Kubernetes version is one that the Linkerd chart supports.",
    fix: "Choose a Linkerd version that fits (docs/versions.md), or another cluster.",
    source: "docs/versions.md: kubeVersion and the API versions of linkerd2's charts",
  },
  "gateway-api-owner": {
    severity: "error",
    demand: "Linkerd's charts install the Gateway API only if nothing else has.",
    fix: "Set crds.installGatewayApi to false: Linkerd uses the definitions that are there.",
    source: "helm: an object belongs to one release, which its annotations name",
  },
  "gateway-api-removed": {
    severity: "error",
    demand: "No update deletes the Gateway API's definitions, and with them every route of the cluster.",
    fix: "Annotate the definitions with helm.sh/resource-policy=keep, or delete them yourself if nobody uses them.",
    source: "helm upgrade deletes what a chart no longer has, unless helm.sh/resource-policy is keep",
  },
  "gateway-api-absent": {
    severity: "warning",
    demand: "The Gateway API's definitions are on the cluster if Linkerd looks for them.",
    fix: "Install the Gateway API, or set crds.installGatewayApi to true.",
    source: "linkerd check looks for the Gateway API's definitions",
  },
} as const satisfies Readonly<Record<string, Rule>>;
