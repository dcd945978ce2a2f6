/** A mesh that this stack has installed, and whose state is lost. */
import { countOf } from "../../rules/count.ts";
import { splitBundle } from "../../rules/credentials/bundle.ts";
import { crossSignedName, trustAnchorObjectName, trustRootsName } from "../../rules/linkerdNames.ts";
import type { Adoption } from "./adoption.ts";
import { clusterAnchorObstacles } from "./clusterAnchor.ts";
import type { Installation } from "./find.ts";

/**
 * What was in the state alone, the keys of the anchors, from their Secrets; all other settings are in the stack's file.
 *
 * @param provided what the file has in `providedTrustAnchors`, by generation.
 */
export function adoptionOfLostState(
  found: Installation,
  provided: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Adoption {
  const { namespace, isDistributed, clusterAnchor, keptAnchors, bundlePem, issuer } = found;
  const nothing = { choices: [], secrets: [], obstacles: [], left: [], records: [], replaced: [] };
  // The state had nothing of an anchor that the cluster keeps.
  if (isDistributed) return { ...nothing, obstacles: clusterAnchorObstacles(found, clusterAnchor) };
  const trusted = splitBundle(bundlePem ?? "");
  const anchors = keptAnchors.flatMap(({ certificatePem, ...anchor }) => {
    const [own] = splitBundle(certificatePem);
    return trusted.includes(own!) ? { ...anchor, certificatePem: own! } : [];
  });
  if (anchors.length < trusted.length) {
    return {
      ...nothing,
      obstacles: [
        {
          subject: `ConfigMap ${namespace}/${trustRootsName}`,
          message: `It holds ${countOf(trusted.length, "trust anchor")}, and only of ${anchors.length} a Secret of this namespace has the key.`,
          fix: "Set providedTrustAnchors and trustAnchorGenerations in the stack's file as they were, and type the same again.",
        },
      ],
    };
  }
  const generations = anchors.map(({ generation }) => generation);
  const signing = issuer?.by === "certificate" ? issuer.issuerRef.name : "";
  const signer = anchors.find(({ generation }) =>
    [trustAnchorObjectName(generation), crossSignedName(generation)].includes(signing),
  );
  return {
    ...nothing,
    choices: [
      {
        why: "The trust anchors of the mesh that runs: their keys were in the state alone, and the cluster has them.",
        settings: {
          ...(generations.join() === "1" ? {} : { trustAnchorGenerations: generations }),
          ...(signer === undefined || signer.generation === 1
            ? {}
            : { signingGeneration: signer.generation }),
          providedTrustAnchors: Object.fromEntries(
            anchors.map(({ generation, certificatePem, crossCertificatePem }) => {
              const { certificateFile, crossCertificateFile } = provided[generation] ?? {};
              const isMade = crossCertificatePem !== undefined && crossCertificateFile === undefined;
              return [
                generation,
                {
                  ...(certificateFile === undefined && { certificatePem: `${certificatePem}\n` }),
                  ...(isMade && { crossCertificatePem: `${crossCertificatePem}\n` }),
                },
              ];
            }),
          ),
        },
      },
    ],
    secrets: anchors.flatMap(({ generation, privateKeyPem: value }) => {
      const { privateKeyPem, privateKeyFile } = provided[generation] ?? {};
      if (privateKeyPem !== undefined || privateKeyFile !== undefined) return [];
      return [{ path: ["providedTrustAnchors", `${generation}`, "privateKeyPem"], value }];
    }),
  };
}
