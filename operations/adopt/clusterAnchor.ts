/** An anchor that cert-manager keeps and trust-manager distributes, by the names of Linkerd's documentation. */
import { checkClusterAnchorLifetimes } from "../../rules/lifetimes/clusterTrustAnchor.ts";
import { identityClusterIssuerName, trustAnchorName, trustRootsName } from "../../rules/linkerdNames.ts";
import { defaults } from "../../rules/settings/defaults.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import type { Choice } from "../choice.ts";
import type { Obstacle } from "./adoption.ts";
import type { Installation } from "./find.ts";
import type { ClusterAnchor } from "./findClusterAnchor.ts";

/** @param anchor absent if cert-manager is not there. */
export function clusterAnchorObstacles(
  { namespace, issuer }: Pick<Installation, "namespace" | "issuer">,
  anchor: ClusterAnchor | undefined,
): readonly Obstacle[] {
  const subject = `ConfigMap ${namespace}/${trustRootsName}`;
  const missing = [
    ...(anchor?.namespace === undefined ? [`Certificate ${trustAnchorName}`] : []),
    ...(anchor?.hasBundle ? [] : [`Bundle ${trustRootsName}`]),
  ];
  if (anchor === undefined || missing.length > 0) {
    return [
      {
        subject,
        message: `Someone other than Linkerd's chart writes the trust anchors there (identity.externalCA), and not as Linkerd's documentation has it: there is no ${missing.join(", and no ")}.`,
        fix: "Have cert-manager and trust-manager make and distribute the anchor by the names of Linkerd's documentation first; or keep the mesh as it is: status, check and renew work on it all the same.",
      },
    ];
  }
  const certificate = `Certificate ${anchor.namespace}/${trustAnchorName}`;
  const signer = issuer?.by === "certificate" ? issuer.issuerRef : undefined;
  const isSigner =
    signer?.group === certManagerGroup &&
    signer.kind === "ClusterIssuer" &&
    signer.name === identityClusterIssuerName;
  return [
    ...(anchor.isReady
      ? []
      : [
          {
            subject: certificate,
            message: "It is not Ready: cert-manager has no trust anchor, or is making another one.",
            fix: `See why, and mend that first: kubectl describe certificate --namespace ${anchor.namespace} ${trustAnchorName}`,
          },
        ]),
    ...(anchor.secretName === trustAnchorName
      ? []
      : [
          {
            subject: certificate,
            message: `Its Secret is called ${anchor.secretName}, and this program's ${trustAnchorName}: another name would be another anchor.`,
            fix: "Keep the mesh as it is: status, check and renew work on it all the same.",
          },
        ]),
    ...(isSigner || issuer === undefined
      ? []
      : [
          {
            subject,
            message: `The anchor is distributed by trust-manager, and the identity issuer is not signed by ClusterIssuer ${identityClusterIssuerName}, as this program would have it.`,
            fix: `Have that ClusterIssuer sign it first: issuerRef of Certificate ${namespace}/linkerd-identity-issuer.`,
          },
        ]),
  ];
}

/** The settings of an anchor without obstacles. */
export function clusterAnchorSettings({
  namespace,
  duration,
  renewBefore,
}: ClusterAnchor): readonly Choice[] {
  const lifetimes = { duration, renewBefore };
  const isKept =
    renewBefore !== undefined &&
    [...checkClusterAnchorLifetimes(lifetimes, undefined, undefined, undefined)].length === 0;
  return [
    {
      why: "The trust anchor stays where cert-manager keeps it and trust-manager distributes it: nobody reads its key.",
      settings: {
        trustAnchorSource: "cluster",
        ...(namespace === defaults.certManager.namespace ? {} : { certManagerNamespace: namespace }),
        installTrustManager: false,
      },
    },
    {
      why: isKept
        ? "As the Certificate of the anchor has them."
        : `The anchor lives as long as it did. cert-manager would replace it ${renewBefore ?? "a third of its life"} before its end, though nobody trusts the next one yet; now it does ${defaults.trustAnchor.renewBefore} before. That makes no new anchor.`,
      settings: {
        ...(duration !== undefined && { clusterTrustAnchorDuration: duration }),
        ...(isKept && { clusterTrustAnchorRenewBefore: renewBefore }),
      },
    },
  ];
}
