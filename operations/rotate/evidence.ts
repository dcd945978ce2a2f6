/** What a cluster shows of a mesh whose trust anchor rotates. */
import { type Certificate, certificates } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { loadedIssuers } from "../../mesh/identityController.ts";
import {
  countExternalWorkloads,
  type HeldBundle,
  listMeshedPods,
  readHeldBundles,
} from "../../mesh/meshedPods.ts";
import { readLeaves } from "../../mesh/proxyLeaf.ts";
import { readStoredCertificate } from "../../mesh/storedCertificate.ts";
import { readTrust } from "../../mesh/trust.ts";
import { listObjects } from "../../mesh/watch.ts";
import { crossSignedName, identityIssuerName, trustAnchorObjectName } from "../../rules/linkerdNames.ts";
import { isGeneration, leavingAnchors, type PlannedAnchors } from "../../rules/mesh/anchorChange.ts";
import type { Evidence } from "../../rules/rotation/gates.ts";

/** What is seen, and how the cluster still differs from the stack's settings. */
export interface Seen extends Evidence {
  readonly held: readonly HeldBundle[];
  /** What `pulumi up` has still to do for the stack's anchors; empty if the cluster is as the stack says. */
  readonly pending: readonly string[];
}

/**
 * Looks at the mesh.
 *
 * @param asksProxies whether every pod's proxy is asked for its certificate, which takes a connection to each.
 * @throws Error if the mesh cannot be read.
 */
export async function readEvidence(mesh: Mesh, planned: PlannedAnchors, asksProxies: boolean): Promise<Seen> {
  const trust = await readTrust(mesh);
  const [stored, controllers, pods, externalWorkloads, renewers] = await Promise.all([
    readStoredCertificate(mesh, identityIssuerName),
    loadedIssuers(mesh, trust),
    listMeshedPods(mesh),
    countExternalWorkloads(mesh),
    listObjects(certificates(mesh)),
  ]);
  const [held, proxies] = await Promise.all([
    readHeldBundles(mesh, trust, pods),
    asksProxies ? readLeaves(mesh, trust.purpose.trustDomain, pods) : undefined,
  ]);
  const rootOf = (generation: number) =>
    trust.anchors.find(({ x509 }) => isGeneration(x509, generation, planned));
  const found = planned.generations.map((generation) => [generation, rootOf(generation)] as const);
  const missing = found.filter(([, root]) => root === undefined).map(([generation]) => generation);
  const leaving = leavingAnchors(trust.bundle, planned);
  const signer = signerOf(planned);
  const renewedBy = renewers.find(({ spec }) => spec.secretName === identityIssuerName);
  const issuerRef = renewedBy?.spec.issuerRef;
  return {
    time: new Date(),
    roots: new Map(found.flatMap(([generation, root]) => (root === undefined ? [] : [[generation, root]]))),
    stored: stored.certificate,
    controllers,
    held,
    externalWorkloads,
    ...(proxies && { proxies }),
    signerSetAt: renewedBy && issuerSetAt(renewedBy),
    pending: [
      ...missing.map((generation) => `generation ${generation} is not in the bundle of the mesh yet`),
      ...leaving.map((name) => `${name} is still in the bundle of the mesh`),
      ...(signer === undefined || issuerRef?.name === signer
        ? []
        : [
            `the identity issuer is signed by Issuer ${issuerRef?.name ?? "(none)"}, and not yet by ${signer}`,
          ]),
    ],
  };
}

/** The API server keeps who has set which field of an object, and when they last changed one of theirs. */
function issuerSetAt({ metadata: { managedFields = [] } }: Certificate): Date | undefined {
  const times = managedFields.flatMap(({ fieldsV1, time }) => {
    const fields = fieldsV1 as { "f:spec"?: { "f:issuerRef"?: object } } | undefined;
    return fields?.["f:spec"]?.["f:issuerRef"] === undefined || time === undefined
      ? []
      : [new Date(time).getTime()];
  });
  return times.length === 0 ? undefined : new Date(Math.max(...times));
}

/** Name of the Issuer that is to sign. */
function signerOf({ signing, crossSigned }: PlannedAnchors): string | undefined {
  if (signing === undefined) return undefined;
  return crossSigned.length > 0 ? crossSignedName(signing) : trustAnchorObjectName(signing);
}
