/** What a cluster shows of a mesh whose trust anchor rotates. */
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import {
  crossSignedName,
  identityIssuerName,
  isAnchorIssuerName,
  trustAnchorObjectName,
} from "../rules/linkerdNames.ts";
import {
  isGeneration,
  leavingAnchors,
  type PlannedAnchors,
  trustedGenerations,
} from "../rules/mesh/anchorChange.ts";
import { installationAnnotation } from "../rules/mesh/owner.ts";
import type { ClusterEvidence, Evidence } from "../rules/rotation/gates.ts";
import { generationAbove } from "../rules/rotation/stage.ts";
import { type Certificate, certificates } from "./certManager.ts";
import type { Mesh } from "./cluster.ts";
import { loadedIssuers } from "./identityController.ts";
import { countExternalWorkloads, type HeldBundle, listMeshedPods, readHeldBundles } from "./meshedPods.ts";
import { readLeaves } from "./proxyLeaf.ts";
import { found, ifAllowed } from "./requests.ts";
import { readStoredCertificate } from "./storedCertificate.ts";
import { readTrust, type Trust } from "./trust.ts";
import { listObjects } from "./watch.ts";

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
 * @param others clusters whose proxies trust the same anchors.
 * @throws Error if one of them cannot be read.
 */
export async function readEvidence(
  mesh: Mesh,
  planned: PlannedAnchors,
  asksProxies: boolean,
  others: readonly Mesh[] = [],
): Promise<Seen> {
  const trust = await readTrust(mesh);
  const [{ issuerName, ...own }, remaining, elsewhere, controllers] = await Promise.all([
    readCluster(mesh, trust, asksProxies, planned.signing !== undefined),
    readRemaining(mesh, planned),
    Promise.all(others.map((other) => readOther(other, asksProxies))),
    loadedIssuers(mesh, trust),
  ]);
  return {
    ...own,
    time: new Date(),
    roots: rootsOf(trust, planned),
    controllers,
    others: elsewhere,
    pending: [...pendingOf(trust, planned, issuerName), ...remaining],
  };
}

/**
 * The generation to which the identity issuer in its Secret leads; `undefined` if to none, or if there is none.
 *
 * @throws Error if the mesh cannot be read.
 */
export async function readSigner(mesh: Mesh, planned: PlannedAnchors): Promise<number | undefined> {
  const [trust, { certificate, intermediates }] = await Promise.all([
    readTrust(mesh),
    readStoredCertificate(mesh, identityIssuerName),
  ]);
  return certificate && generationAbove(certificate, intermediates, rootsOf(trust, planned), new Date());
}

/** The anchors of the live bundle, by their generation. */
function rootsOf({ anchors }: Trust, planned: PlannedAnchors): ReadonlyMap<number, ParsedCertificate> {
  const found = planned.generations.flatMap((generation) => {
    const root = anchors.find(({ x509 }) => isGeneration(x509, generation, planned));
    return root === undefined ? [] : [[generation, root] as const];
  });
  return new Map(found);
}

/** What `pulumi up` has still to do. */
function pendingOf(
  { anchors, bundle }: Trust,
  planned: PlannedAnchors,
  issuerName: string | undefined,
): readonly string[] {
  const isIn = (generation: number) => anchors.some(({ x509 }) => isGeneration(x509, generation, planned));
  const missing = trustedGenerations(planned).filter((generation) => !isIn(generation));
  const distrusted = planned.distrusted.filter(isIn).map((generation) => `generation ${generation}`);
  const signer = signerOf(planned);
  return [
    ...missing.map((generation) => `generation ${generation} is not in the bundle of the mesh yet`),
    ...[...leavingAnchors(bundle, planned), ...distrusted].map(
      (name) => `${name} is still in the bundle of the mesh`,
    ),
    ...(signer === undefined || issuerName === signer
      ? []
      : [`the identity issuer is signed by Issuer ${issuerName ?? "(none)"}, and not yet by ${signer}`]),
  ];
}

/** Whether the generation before the oldest that is listed is still there, with its key; one of someone else's stays theirs. */
export async function readRemaining(
  { metadata, namespace }: Pick<Mesh, "metadata" | "namespace">,
  { generations: [oldest = 1] }: Pick<PlannedAnchors, "generations">,
): Promise<readonly string[]> {
  if (oldest === 1) return [];
  const installationOf = async (generation: number) => {
    const path = `/api/v1/namespaces/${namespace}/secrets/${trustAnchorObjectName(generation)}`;
    // Whoever may not see it has seen the rest.
    const read = await ifAllowed(found(`Secret of generation ${generation}`, metadata(path)), () => {});
    return read?.annotations?.[installationAnnotation];
  };
  const [before, kept] = await Promise.all([oldest - 1, oldest].map(installationOf));
  return before === undefined || before !== kept
    ? []
    : [`generation ${oldest - 1} is still there, with its key`];
}

/**
 * What a cluster shows of its proxies, and of what they get.
 *
 * @param maySign whether an anchor that a program such as this one keeps may sign there.
 */
async function readCluster(mesh: Mesh, trust: Trust, asksProxies: boolean, maySign: boolean) {
  const [stored, pods, externalWorkloads, renewer] = await Promise.all([
    readStoredCertificate(mesh, identityIssuerName),
    listMeshedPods(mesh),
    countExternalWorkloads(mesh),
    findRenewer(mesh),
  ]);
  const [held, proxies] = await Promise.all([
    readHeldBundles(mesh, trust, pods),
    asksProxies ? readLeaves(mesh, trust.purpose.trustDomain, pods) : undefined,
  ]);
  return {
    held,
    externalWorkloads,
    ...(proxies && { proxies }),
    stored: stored.certificate,
    // Behind the name of someone else's issuer, the signer may change; what is stored has been signed by the present one.
    signerSetAt: maySign && isAnchors(renewer) ? issuerSetAt(renewer) : stored.writtenAt,
    issuerName: renewer?.spec.issuerRef.name,
  };
}

/** Whether the Issuer is called as that of an anchor whose key is there, which always is the same. */
const isAnchors = (renewer: Certificate | undefined): renewer is Certificate =>
  renewer !== undefined && isAnchorIssuerName(renewer.spec.issuerRef.name);

async function readOther(mesh: Mesh, asksProxies: boolean): Promise<ClusterEvidence> {
  try {
    return { ...(await readCluster(mesh, await readTrust(mesh), asksProxies, true)), cluster: mesh.context };
  } catch (error) {
    throw new Error(`Cluster ${mesh.context}: ${(error as Error).message}`, { cause: error });
  }
}

/** The Certificate that renews the identity issuer, if cert-manager does. */
async function findRenewer(mesh: Mesh): Promise<Certificate | undefined> {
  const renewers = await listObjects(certificates(mesh));
  return renewers.find(({ spec }) => spec.secretName === identityIssuerName);
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
