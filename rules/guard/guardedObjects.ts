/** What is guarded on the cluster: the objects on which the mesh's trust rests, as far as this program makes them. */
import {
  crossSignedName,
  identityClusterIssuerName,
  identityIssuerName,
  previousTrustAnchorName,
  trustAnchorName,
  trustAnchorObjectName,
  trustRootIssuerName,
  trustRootsName,
  vaultIssuerName,
} from "../linkerdNames.ts";
import { crossSignings } from "../settings/crossSigning.ts";
import { certManagerGroup } from "../settings/identityIssuer.ts";
import { type Settings, signingGeneration } from "../settings/settings.ts";

/** The API group of each resource that has guarded objects. */
export const guardedGroups = {
  secrets: "",
  configmaps: "",
  certificates: certManagerGroup,
  issuers: certManagerGroup,
  clusterissuers: certManagerGroup,
  bundles: "trust.cert-manager.io",
} as const;

type Names = Readonly<Record<keyof typeof guardedGroups, readonly string[]>>;

/**
 * The names of the guarded objects, as a Role has them.
 *
 * They say exactly what the settings say: an anchor that leaves them is guarded no longer, and Pulumi may delete it. What
 * someone else writes is not among them: the issuer's Secret with `identityIssuer.source` `secret`, and issuers that are theirs.
 */
export function guardedRules(settings: Settings) {
  const names = settings.trustAnchor.source === "cluster" ? onCluster(settings) : inStack(settings);
  return Object.entries(names)
    .filter(([, resourceNames]) => resourceNames.length > 0)
    .map(([resource, resourceNames]) => ({
      apiGroups: [guardedGroups[resource as keyof Names]],
      resources: [resource],
      resourceNames: [...resourceNames],
      verbs: ["create", "update", "delete"],
    }));
}

/** The namespaces that they are in. */
export function guardedNamespaces({ trustAnchor }: Settings, linkerd: string, certManager: string): string[] {
  return trustAnchor.source === "cluster" ? [linkerd, certManager] : [linkerd];
}

function inStack(settings: Settings): Names {
  const { vault } = settings.identityIssuer;
  const anchors = anchorNames(settings);
  return {
    secrets: [...issuerNames(settings), ...anchors],
    configmaps: [trustRootsName],
    certificates: issuerNames(settings),
    issuers: [...(vault === undefined ? [] : [vaultIssuerName]), ...anchors],
    clusterissuers: [],
    bundles: [],
  };
}

function onCluster(settings: Settings): Names {
  const { vault } = settings.identityIssuer;
  return {
    secrets: [...issuerNames(settings), trustAnchorName, previousTrustAnchorName],
    configmaps: [trustRootsName],
    certificates: [...issuerNames(settings), trustAnchorName],
    issuers: [...(vault === undefined ? [] : [vaultIssuerName]), trustRootIssuerName],
    clusterissuers: [identityClusterIssuerName],
    bundles: [trustRootsName],
  };
}

/** The Certificate's, and its Secret's. */
const issuerNames = ({ identityIssuer }: Settings) =>
  identityIssuer.source === "secret" ? [] : [identityIssuerName];

/** Those of the Secrets and Issuers of the stack's anchors, of each whose key is at hand. */
function anchorNames(settings: Settings): string[] {
  const { generations, provided } = settings.trustAnchor;
  const signing = signingGeneration(settings);
  const isVouchedFor = crossSignings(settings).some(({ generation }) => generation === signing);
  return [
    ...generations
      .filter((one) => provided[one] === undefined || provided[one].privateKeyPem !== undefined)
      .map(trustAnchorObjectName),
    ...(isVouchedFor ? [crossSignedName(signing!)] : []),
  ];
}
