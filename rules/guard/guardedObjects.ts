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
import { type Settings, signingGeneration } from "../settings/settings.ts";

/** Where the objects are. */
export interface GuardedNamespaces {
  /** Of the control plane. */
  readonly linkerd: string;
  /** cert-manager's, which has the anchor that the cluster keeps. */
  readonly certManager: string;
}

/**
 * Each guarded object as `<resource>/<namespace>/<name>`, such as `secrets/linkerd/linkerd-identity-issuer`; of one that is
 * in no namespace, nothing stands between the slashes.
 *
 * The list says exactly what the settings say: an anchor that leaves them is guarded no longer, and Pulumi may delete it. What
 * someone else writes is not in it: the issuer's Secret with `identityIssuer.source` `secret`, and issuers that are theirs.
 */
export function guardedObjects(settings: Settings, { linkerd, certManager }: GuardedNamespaces): string[] {
  const { identityIssuer, trustAnchor } = settings;
  const each = (resources: readonly string[], namespace: string, name: string) =>
    resources.map((resource) => `${resource}/${namespace}/${name}`);
  const issuer =
    identityIssuer.source === "secret" ? [] : each(["secrets", "certificates"], linkerd, identityIssuerName);
  const vault = identityIssuer.vault === undefined ? [] : each(["issuers"], linkerd, vaultIssuerName);
  const anchors =
    trustAnchor.source === "cluster"
      ? [
          ...each(["secrets", "certificates"], certManager, trustAnchorName),
          ...each(["secrets"], certManager, previousTrustAnchorName),
          ...each(["issuers"], certManager, trustRootIssuerName),
          ...each(["clusterissuers"], "", identityClusterIssuerName),
          ...each(["bundles"], "", trustRootsName),
        ]
      : signerNames(settings).flatMap((name) => each(["secrets", "issuers"], linkerd, name));
  return [...issuer, ...vault, ...anchors, ...each(["configmaps"], linkerd, trustRootsName)];
}

/** Names that the Secrets and Issuers of the stack's anchors have, of those whose key is at hand. */
function signerNames(settings: Settings): string[] {
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
