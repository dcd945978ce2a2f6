/** What does not fit between a cluster and the chosen Linkerd. Without Pulumi, so that a thread of its own can look. */
import { findAnchorCertificate } from "../../mesh/certManager.ts";
import type { Cluster } from "../../mesh/cluster.ts";
import { found, requested } from "../../mesh/requests.ts";
import { type ChartFamily, gatewayApiDefinitions, hasCrdsChart } from "../../rules/charts/families.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import type { Finding } from "../../rules/finding.ts";
import { crdsReleaseName, trustRootsKey, trustRootsName, withoutWebhooks } from "../../rules/linkerdNames.ts";
import { checkAnchorLife } from "../../rules/mesh/kept.ts";
import { broken } from "../../rules/rules.ts";

type Client = Pick<Cluster, "core" | "version" | "definitions" | "custom">;

/** The definitions that are going to be installed. */
export interface WantedDefinitions {
  readonly family: ChartFamily;
  /** Whether Linkerd's chart brings the Gateway API's definitions. */
  readonly installGatewayApi: boolean;
  /** Namespace of the control plane. */
  readonly namespace: string;
  /** Namespace of cert-manager, if it is installed. */
  readonly certManagerNamespace: string | undefined;
  /** Whether objects of the Prometheus Operator's are going to be made. */
  readonly installAlerts: boolean;
}

/** The anchors of the mesh that runs; `undefined` if none does. */
export async function findRunningBundle(
  { core }: Pick<Cluster, "core">,
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

/** Whether the anchor that the cluster keeps has this life: cert-manager would make another one of it at once. */
export async function findAnchorLifeMisfits(
  { custom }: Client,
  namespace: string,
  duration: string,
): Promise<Finding[]> {
  const certificate = await findAnchorCertificate({ custom });
  // One of the same name, elsewhere, is someone else's.
  if (certificate?.metadata.namespace !== namespace) return [];
  return [...checkAnchorLife(certificate.spec.duration, duration)];
}

/** Whether the cluster's Kubernetes is one that Linkerd supports. */
export async function findKubernetesMisfits(
  { version }: Client,
  { linkerd, kubernetes }: ChartFamily,
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

/** Those definitions that are on the cluster, each with the Helm release that owns it. */
async function findDefinitions({ definitions }: Client, names: readonly string[]) {
  const looks = names.map(async (name) => {
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

/** Which definitions are someone else's, or would be deleted, or are missing. */
export async function findDefinitionMisfits(cluster: Client, wanted: WantedDefinitions): Promise<Finding[]> {
  const checks = [
    checkOwners(cluster, wanted),
    checkGatewayApi(cluster, wanted),
    checkOperator(cluster, wanted),
  ];
  return (await Promise.all(checks)).flat();
}

/** Helm takes over no definition of another release, and says so only when it gets there. */
async function checkOwners(
  cluster: Client,
  { family, namespace, certManagerNamespace }: WantedDefinitions,
): Promise<Finding[]> {
  const installed = {
    ...(certManagerNamespace === undefined
      ? {}
      : {
          "certificates.cert-manager.io": {
            owner: `${certManagerNamespace}/cert-manager`,
            field: "certManager.install",
            what: "cert-manager",
            fix: "Set certManager.install to false to use the cert-manager that is there; or uninstall that one first.",
          },
        }),
    ...(hasCrdsChart(family)
      ? {
          "serviceprofiles.linkerd.io": {
            owner: `${namespace}/${crdsReleaseName}`,
            field: "controlPlane.namespace",
            what: "a Linkerd",
            fix: "A cluster has one Linkerd: uninstall the one that is there first, or keep it as it is.",
          },
        }
      : {}),
  };
  const onCluster = await findDefinitions(cluster, Object.keys(installed));
  return onCluster.flatMap(({ name, owner }) => {
    const wanted = installed[name as keyof typeof installed]!;
    if (owner === wanted.owner) return [];
    return broken("definitions-owner", {
      field: wanted.field,
      message:
        `The cluster has ${wanted.what} already: the definition ${name} is ` +
        `${owner === undefined ? "no Helm release's" : `the Helm release ${owner}'s`}, and ${wanted.owner} would install it.`,
      fix: wanted.fix,
    });
  });
}

async function checkGatewayApi(
  cluster: Client,
  { family, installGatewayApi, namespace }: WantedDefinitions,
): Promise<Finding[]> {
  if (!hasCrdsChart(family)) return [];
  const owner = `${namespace}/${crdsReleaseName}`;
  const field = "crds.installGatewayApi";
  const onCluster = await findDefinitions(cluster, gatewayApiDefinitions.map(fullName));
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

/** Without them, Helm and the API server refuse what the alerts are made of, in the midst of an update. */
async function checkOperator(cluster: Client, { installAlerts }: WantedDefinitions): Promise<Finding[]> {
  if (!installAlerts) return [];
  const needed = ["podmonitors", "prometheusrules"].map((plural) => `${plural}.monitoring.coreos.com`);
  const present = (await findDefinitions(cluster, needed)).map(({ name }) => name);
  const missing = needed.filter((name) => !present.includes(name));
  if (missing.length === 0) return [];
  return [
    broken("prometheus-operator", {
      field: "alerts.install",
      message: `The cluster lacks ${missing.join(" and ")}, of which the alerts and Linkerd's PodMonitors are made.`,
    }),
  ];
}

/**
 * Where no pod is admitted without the injector: whether those without which it does not come back wait for it, such as
 * cert-manager's, which renews its certificate.
 */
export async function findAdmissionMisfits(
  { core, custom }: Client,
  family: ChartFamily,
  installsCertManager: boolean,
): Promise<Finding[]> {
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
