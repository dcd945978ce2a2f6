/** What does not fit between a cluster and the chosen Linkerd. Without Pulumi, so that a thread of its own can look. */
import type { Cluster } from "../../mesh/cluster.ts";
import { found, requested } from "../../mesh/requests.ts";
import { type ChartFamily, gatewayApiDefinitions, hasCrdsChart } from "../../rules/charts/families.ts";
import type { Finding } from "../../rules/finding.ts";
import { crdsReleaseName, withoutWebhooks } from "../../rules/linkerdNames.ts";
import { broken } from "../../rules/rules.ts";

export type Client = Pick<Cluster, "version" | "definitions" | "core" | "custom">;

/** The Linkerd that is going to be installed. */
export interface Wanted {
  readonly family: ChartFamily;
  /** Whether Linkerd's chart brings the Gateway API's definitions. */
  readonly installGatewayApi: boolean;
  /** Namespace of the control plane. */
  readonly namespace: string;
  /** Whether no pod is admitted while the injector does not answer. */
  readonly needsInjector: boolean;
  /** Whether this program installs cert-manager, and so makes its namespace. */
  readonly installsCertManager: boolean;
}

/**
 * What does not fit. A look that the cluster does not answer, or does not allow, finds nothing.
 *
 * @param onUnknown hears why something could not be looked at.
 */
export async function findMisfits(
  cluster: Promise<Client>,
  wanted: Wanted,
  onUnknown: (reason: string) => void,
): Promise<Finding[]> {
  const look = async (check: (client: Client, wanted: Wanted) => Promise<Finding[]>) => {
    try {
      return await check(await cluster, wanted);
    } catch (error) {
      onUnknown((error as Error).message);
      return [];
    }
  };
  return (await Promise.all([checkKubernetes, checkGatewayApi, checkAdmission].map(look))).flat();
}

async function checkKubernetes(
  { version }: Client,
  { family: { linkerd, kubernetes } }: Wanted,
): Promise<Finding[]> {
  const { gitVersion, minor } = await requested("Version of Kubernetes", version.getCode());
  // A provider's own build can have a minor version such as "31+".
  const number = Number.parseInt(minor, 10);
  const { from, through, why } = kubernetes;
  if (number >= from && number <= (through ?? number)) return [];
  const range = through === undefined ? `1.${from} or newer` : `1.${from} to 1.${through}`;
  return [
    broken("kubernetes-version", {
      field: "controlPlane.chartVersion",
      message:
        `Linkerd ${linkerd} needs Kubernetes ${range}, and the cluster runs ${gitVersion}` +
        `${why === undefined ? "" : `: ${why}`}.`,
      fix: "Choose a Linkerd that fits (docs/versions.md), or another cluster.",
    }),
  ];
}

const fullName = (name: string) => `${name}.gateway.networking.k8s.io`;

/** The Gateway API's definitions that are on the cluster, each with the Helm release that owns it. */
async function findDefinitions({ definitions }: Client) {
  const looks = gatewayApiDefinitions.map(fullName).map(async (name) => {
    const read = definitions.readCustomResourceDefinition({ name });
    const definition = await found(`CustomResourceDefinition ${name}`, read);
    if (definition === undefined) return undefined;
    const annotations = definition.metadata?.annotations ?? {};
    const release = annotations["meta.helm.sh/release-name"];
    const owner = `${annotations["meta.helm.sh/release-namespace"]}/${release}`;
    return {
      name,
      owner: release === undefined ? undefined : owner,
      isKept: annotations["helm.sh/resource-policy"] === "keep",
    };
  });
  return (await Promise.all(looks)).filter((definition) => definition !== undefined);
}

async function checkGatewayApi(
  cluster: Client,
  { family, installGatewayApi, namespace }: Wanted,
): Promise<Finding[]> {
  if (!hasCrdsChart(family)) return [];
  const owner = `${namespace}/${crdsReleaseName}`;
  const field = "crds.installGatewayApi";
  const onCluster = await findDefinitions(cluster);
  const ofChart = (family.gatewayApi?.definitions ?? []).map(fullName);
  // Charts before edge-25.3 do not tell Helm to keep them, and an upgrade deletes what its chart no longer has.
  const removed = onCluster
    .filter((one) => one.owner === owner && !one.isKept && !(installGatewayApi && ofChart.includes(one.name)))
    .map(({ name }) => name);
  if (removed.length > 0) {
    return [
      broken("gateway-api-removed", {
        field,
        message:
          `The Helm release ${owner} has installed ${removed.join(", ")}, and would now delete it, ` +
          "together with every such route of the whole cluster.",
        fix:
          `Keep it: kubectl annotate customresourcedefinition ${removed.join(" ")} helm.sh/resource-policy=keep. ` +
          "Or delete it yourself, if nobody uses it.",
      }),
    ];
  }
  const present = onCluster.filter(({ name }) => ofChart.includes(name));
  if (installGatewayApi) {
    return present
      .filter((one) => one.owner !== owner)
      .map((one) =>
        broken("gateway-api-owner", {
          field,
          message:
            `The cluster already has the definition ${one.name}, ` +
            `${one.owner === undefined ? "which no Helm release owns" : `from the Helm release ${one.owner}`}. With crds.installGatewayApi it would have two owners.`,
          fix: "Set it to false: Linkerd uses the definitions that are there.",
        }),
      );
  }
  if (present.length > 0 || family.gatewayApi?.isNeeded !== true) return [];
  return [
    broken("gateway-api-absent", {
      field,
      message: `The cluster lacks the definitions of the Gateway API, which Linkerd ${family.linkerd} looks for.`,
    }),
  ];
}

/** Whether pods without which no injector comes back – those of cert-manager, which renews its certificate – wait for it. */
async function checkAdmission(
  { core, custom }: Client,
  { family, needsInjector, installsCertManager }: Wanted,
): Promise<Finding[]> {
  if (!needsInjector) return [];
  // From Linkerd 2.12 on, the injector leaves these out by their names.
  const leftOut = hasCrdsChart(family) ? ["kube-system", "cert-manager"] : [];
  const needed = ["kube-system", ...(installsCertManager ? [] : await certManagerNamespaces(custom))];
  const names = new Set(needed.filter((name) => !leftOut.includes(name)));
  const looks = [...names].map(async (name) => {
    const { metadata } = await requested(`Namespace ${name}`, core.readNamespace({ name }));
    const [[label, value]] = Object.entries(withoutWebhooks) as [[string, string]];
    if (metadata?.labels?.[label] === value) return [];
    return broken("admission-deadlock", {
      field: `Namespace ${name}`,
      message:
        "No pod here is admitted while Linkerd's injector does not answer (webhookFailurePolicy Fail, which " +
        "controlPlane.highAvailability sets). After an outage in which the injector's certificate has ended, neither would come back.",
      fix: `kubectl label namespace ${name} ${label}=${value}`,
    });
  });
  return (await Promise.all(looks)).flat();
}

/** Where cert-manager's Deployments are. */
async function certManagerNamespaces(custom: Client["custom"]): Promise<string[]> {
  const listed: Promise<{ items: { metadata: { namespace: string } }[] }> = custom.listClusterCustomObject({
    group: "apps",
    version: "v1",
    plural: "deployments",
    labelSelector: "app.kubernetes.io/name=cert-manager",
  });
  const { items } = await requested("Deployments of cert-manager", listed);
  return items.map(({ metadata }) => metadata.namespace);
}
