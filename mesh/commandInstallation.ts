/** What `linkerd install` has rendered and `kubectl apply` has made: no release of Helm's says what belongs to it. */
import { parse } from "yaml";
import { configOverridesName, controlPlaneLabel, identityIssuerName } from "../rules/linkerdNames.ts";
import type { Mesh } from "./cluster.ts";
import type { ListedMetadata } from "./metadataList.ts";
import { found } from "./requests.ts";

/** What one of Linkerd's charts has been rendered to. */
export interface Rendering {
  /** Linkerd's version, such as `edge-26.8.3`. */
  readonly linkerd: string;
  /** Its objects as they were applied, as documents of YAML. */
  readonly manifest: string;
  readonly count: number;
  /** Those of which the cluster does not say what was applied, such as `secrets linkerd-proxy-injector-k8s-tls`. */
  readonly unrecorded: readonly string[];
}

export interface CommandInstallation {
  /** Absent if something else has installed the control plane. */
  readonly controlPlane?: Rendering | undefined;
  readonly definitions?: Rendering | undefined;
  /** What the command was given, beside its defaults. */
  readonly values: object;
  /** Whether the Secret with that is there. */
  readonly hasOverrides: boolean;
}

/** The kinds of what the chart of the control plane has, in all its versions. */
const namespacedKinds = [
  "/api/v1/configmaps",
  "/api/v1/secrets",
  "/api/v1/serviceaccounts",
  "/api/v1/services",
  "/apis/apps/v1/deployments",
  "/apis/batch/v1/cronjobs",
  "/apis/monitoring.coreos.com/v1/podmonitors",
  "/apis/policy/v1/poddisruptionbudgets",
  "/apis/rbac.authorization.k8s.io/v1/rolebindings",
  "/apis/rbac.authorization.k8s.io/v1/roles",
];
const clusterKinds = [
  "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
  "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
  "/apis/rbac.authorization.k8s.io/v1/clusterroles",
];
const definitionKind = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** In the charts of Linkerd 2.13 it has no label. */
const unlabelledDefinition = "httproutes.policy.linkerd.io";

const createdBy = "linkerd.io/created-by";
const appliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";
/** The command alone makes the second; the first changes hands by itself. */
const beside = [identityIssuerName, configOverridesName];

interface Listed {
  readonly kind: string;
  readonly metadata: ListedMetadata;
}

/** @throws Error if something of it may not be read. */
export async function findCommandInstallation(mesh: Mesh): Promise<CommandInstallation> {
  const { core, namespace } = mesh;
  const labelSelector = `${controlPlaneLabel}=${namespace}`;
  const field = `Secret ${namespace}/${configOverridesName}`;
  const [inNamespace, ofCluster, definitions, unlabelled, overrides] = await Promise.all([
    listAll(
      mesh,
      namespacedKinds.map((path) => path.replace(/[^/]+$/, `namespaces/${namespace}/$&`)),
    ),
    listAll(mesh, clusterKinds, { labelSelector }),
    listAll(mesh, [definitionKind], { labelSelector }),
    listAll(mesh, [definitionKind], { fieldSelector: `metadata.name=${unlabelledDefinition}` }),
    found(field, core.readNamespacedSecret({ name: configOverridesName, namespace })),
  ]);
  const isOwn = ({ metadata }: Listed) => isRendered(metadata, namespace);
  const given = overrides?.data?.[configOverridesName] ?? "";
  return {
    controlPlane: renderingOf("linkerd-config", [...inNamespace, ...ofCluster].filter(isOwn)),
    definitions: renderingOf("serviceprofiles.linkerd.io", [
      ...definitions.filter(isOwn),
      ...unlabelled.filter(({ metadata }) => !isLabelled(metadata, namespace) && !isHelms(metadata)),
    ]),
    values: parse(Buffer.from(given, "base64").toString()) ?? {},
    hasOverrides: overrides !== undefined,
  };
}

/** The metadata is enough: kubectl keeps what it has applied in an annotation. */
async function listAll(
  { metadataPages }: Mesh,
  paths: readonly string[],
  query: Readonly<Record<string, string>> = {},
): Promise<Listed[]> {
  const lists = paths.map(async (path) => {
    const kind = path.split("/").at(-1)!;
    const read = async () => {
      const items: Listed[] = [];
      for await (const page of metadataPages(path, query)) {
        items.push(...page.map((metadata) => ({ kind, metadata })));
      }
      return items;
    };
    return (await found(kind, read())) ?? [];
  });
  return (await Promise.all(lists)).flat();
}

/** Whether the chart has such an object, and neither Helm nor an extension of Linkerd's says that it is theirs. */
function isRendered(metadata: ListedMetadata, namespace: string): boolean {
  const { name, labels, annotations, ownerReferences } = metadata;
  return (
    (isLabelled(metadata, namespace) || annotations[createdBy]?.startsWith("linkerd/cli ") === true) &&
    labels["linkerd.io/extension"] === undefined &&
    ownerReferences.length === 0 &&
    !isHelms(metadata) &&
    !beside.includes(name)
  );
}

const isLabelled = ({ labels }: ListedMetadata, namespace: string) => labels[controlPlaneLabel] === namespace;

const isHelms = ({ annotations }: ListedMetadata) => "meta.helm.sh/release-name" in annotations;

/**
 * @param witness an object that every version has. What another version has left behind does not belong to it.
 * @returns `undefined` if that is not by the command: manifests can come from elsewhere.
 */
function renderingOf(witness: string, found: readonly Listed[]): Rendering | undefined {
  const creatorOf = ({ metadata }: Listed) => metadata.annotations[createdBy];
  const creator = found.flatMap((one) => (one.metadata.name === witness ? creatorOf(one) : [])).at(0);
  const linkerd = /^linkerd\/cli (\S+)$/.exec(creator ?? "")?.[1];
  if (linkerd === undefined) return undefined;
  const objects = found.filter((one) => [undefined, creator].includes(creatorOf(one)));
  const applied = ({ metadata }: Listed) => metadata.annotations[appliedAnnotation]?.trim();
  return {
    linkerd,
    // JSON, which is YAML of every version.
    manifest: objects.map((object) => `---\n${applied(object)}\n`).join(""),
    count: objects.length,
    unrecorded: objects
      .filter((object) => applied(object) === undefined)
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`),
  };
}
