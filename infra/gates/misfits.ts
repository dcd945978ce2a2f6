/** What does not fit between a cluster and the chosen Linkerd. Without Pulumi, so that a thread of its own can look. */
import type { Cluster } from "../../mesh/cluster.ts";
import { found, requested } from "../../mesh/requests.ts";
import { type ChartFamily, gatewayApiDefinitions, hasCrdsChart } from "../../rules/charts/families.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import type { Finding } from "../../rules/finding.ts";
import { crdsReleaseName, trustRootsKey, trustRootsName } from "../../rules/linkerdNames.ts";
import { checkAnchorChange, type PlannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { broken } from "../../rules/rules.ts";

export type Client = Pick<Cluster, "core" | "version" | "definitions">;

/** The Linkerd that is going to be installed. */
export interface Wanted {
  readonly family: ChartFamily;
  /** Absent where the cluster keeps the anchor. */
  readonly anchors: PlannedAnchors | undefined;
  /** Whether Linkerd's chart brings the Gateway API's definitions. */
  readonly installGatewayApi: boolean;
  /** Namespace of the control plane. */
  readonly namespace: string;
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
  return (await Promise.all([checkKubernetes, checkGatewayApi, checkAnchors].map(look))).flat();
}

async function checkAnchors({ core }: Client, { anchors, family, namespace }: Wanted): Promise<Finding[]> {
  const running = anchors && (await runningBundle(core, family, namespace));
  return running === undefined ? [] : [...checkAnchorChange(running, anchors!)];
}

/** The anchors of the mesh that runs; `undefined` if none does. */
export async function runningBundle(
  core: Cluster["core"],
  { externalCA }: ChartFamily,
  namespace: string,
): Promise<PemText | undefined> {
  const field = `ConfigMap ${namespace}/${trustRootsName}`;
  const roots = await found(field, core.readNamespacedConfigMap({ name: trustRootsName, namespace }));
  const text = roots?.data?.[trustRootsKey];
  if (text !== undefined) return { field, text };
  // Linkerd 2.10 has its bundle among its values alone, in YAML; to read that takes longer to load than all this.
  if (externalCA) return undefined;
  const { readMeshSettings } = await import("../../mesh/trust.ts");
  return (await readMeshSettings({ core, namespace })).bundle;
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
