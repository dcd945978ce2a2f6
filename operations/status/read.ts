/** The state of a mesh: every TLS credential as the cluster has it, and as its controllers and proxies use it. */
import { type Certificate, certificates, findAnchorCertificate } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { type Emergency, readEmergencies } from "../../mesh/emergencies.ts";
import {
  controllerEvents,
  type LoadedIssuer,
  loadedIssuers,
  type ReloadEvent,
  reloadEvents,
} from "../../mesh/identityController.ts";
import { withPortForward } from "../../mesh/portForward.ts";
import { fetchText } from "../../mesh/proxyLeaf.ts";
import { ifAllowed } from "../../mesh/requests.ts";
import { readSharedTrust, type SharedTrust } from "../../mesh/sharedTrust.ts";
import { readStoredCertificate, type StoredCertificate } from "../../mesh/storedCertificate.ts";
import { readTrust, type Trust } from "../../mesh/trust.ts";
import { listObjects } from "../../mesh/watch.ts";
import { identityIssuerName } from "../../rules/linkerdNames.ts";
import { type Generation, generationsOf } from "../../rules/mesh/generations.ts";
import { type DataPlane, type LeavesAsked, readDataPlane } from "./dataPlane.ts";
import { type Credential, type Renewal, readRenewal } from "./renewal.ts";
import { readWebhooks, type WebhookCredential } from "./webhooks.ts";

export interface IdentityController extends LoadedIssuer {
  /** When the loaded issuer expires by the controller's metric, which older controllers do not have. */
  readonly metricNotAfter?: Date;
  /** Why the metrics could not be read. */
  readonly metricFailure?: string;
}

export interface MeshStatus {
  readonly context: string;
  readonly namespace: string;
  readonly readAt: Date;
  readonly trust: Pick<Trust, "purpose" | "bundle" | "bundleWrittenAt" | "anchors" | "distributedSha256">;
  readonly generations: readonly Generation[];
  /** Which of them are this cluster's own, and which its linked clusters hold; absent if nothing says so. */
  readonly sharedTrust?: SharedTrust | undefined;
  /** The cert-manager Certificate of an anchor that is kept on the cluster. */
  readonly anchorRenewedBy?: Certificate | undefined;
  /** What renews them; absent if cert-manager has no part in it. */
  readonly renewal?: Renewal | undefined;
  /** What this user may not look at, and why. */
  readonly unknown: readonly string[];
  /** Guarded objects that anyone may write by hand. */
  readonly emergencies: readonly Emergency[];
  readonly issuer: Credential;
  readonly webhooks: readonly WebhookCredential[];
  readonly controllers: readonly IdentityController[];
  /** The identity controllers' last word on a reload. */
  readonly lastReload?: ReloadEvent | undefined;
  /** Absent if this user may not list the pods. */
  readonly dataPlane?: DataPlane | undefined;
}

const adminPort = 9990;
const issuerMetric = "issuer_cert_ttl_seconds";

/**
 * Reads everything from the cluster, asks every identity controller for a certificate, and proxies for theirs.
 *
 * @throws Error if Linkerd is not installed or the cluster cannot be read. A credential that is missing or broken is no
 * error here; it is returned as what it is.
 */
export async function readStatus(mesh: Mesh, leavesAsked: LeavesAsked = "sample"): Promise<MeshStatus> {
  const unknown: string[] = [];
  const onForbidden = (reason: string) => unknown.push(reason);
  const [trust, renewers] = await Promise.all([
    readTrust(mesh),
    ifAllowed(listObjects(certificates(mesh)), onForbidden),
  ]);
  const renewed = <Stored extends StoredCertificate>(stored: Stored): Stored & Credential => ({
    ...stored,
    // Whether its Certificate is still there cannot be said by someone who may not list them.
    writtenFor: renewers && stored.writtenFor,
    renewedBy: renewers?.find(({ spec }) => spec.secretName === stored.secretName),
  });
  const { promise: others, resolve: foundOthers } = Promise.withResolvers<Generation["certificate"][]>();
  const dataPlane = readDataPlane(mesh, trust, others, leavesAsked, onForbidden);
  // What fails first is told; that this one then fails, too, is not.
  dataPlane.catch(() => {});
  const anchorCertificate = trust.isDistributed
    ? ifAllowed(findAnchorCertificate(mesh), onForbidden)
    : Promise.resolve(undefined);
  const [sharedTrust, anchorRenewedBy, emergencies, issuer, webhooks, controllers, events] =
    await Promise.all([
      readSharedTrust(mesh, onForbidden),
      anchorCertificate,
      anchorCertificate.then((kept) => readEmergencies(mesh, kept?.metadata.namespace, onForbidden)),
      readStoredCertificate(mesh, identityIssuerName),
      readWebhooks(mesh, onForbidden),
      loadedIssuers(mesh, trust).then((loaded) =>
        Promise.all(loaded.map((controller) => withMetric(mesh, controller))),
      ),
      ifAllowed(listObjects(controllerEvents(mesh)), onForbidden),
    ]);
  const renewedIssuer = renewed(issuer);
  const renewedWebhooks = webhooks.map(renewed);
  const credentials: readonly Credential[] = [renewedIssuer, ...renewedWebhooks];
  const certificatesOfMesh = [anchorRenewedBy, ...credentials.map(({ renewedBy }) => renewedBy)].filter(
    (certificate) => certificate !== undefined,
  );
  const isOfCertManager =
    certificatesOfMesh.length > 0 || credentials.some(({ writtenFor }) => writtenFor !== undefined);
  const renewal = isOfCertManager
    ? await readRenewal(mesh, certificatesOfMesh, renewers ?? [], onForbidden)
    : undefined;
  const signer = renewal?.signers.find(({ signs }) => signs.includes(identityIssuerName));
  const generations = generationsOf({
    anchors: trust.anchors,
    issuer: issuer.certificate,
    others: [...issuer.intermediates, ...(signer?.secret?.certificates ?? [])],
  });
  foundOthers(generations.map(({ certificate }) => certificate));
  return {
    context: mesh.context,
    namespace: mesh.namespace,
    dataPlane: await dataPlane,
    readAt: new Date(),
    trust,
    generations,
    sharedTrust,
    anchorRenewedBy,
    renewal,
    unknown,
    emergencies,
    issuer: renewedIssuer,
    webhooks: renewedWebhooks,
    controllers,
    lastReload: reloadEvents(events ?? []).at(-1),
  };
}

async function withMetric(mesh: Mesh, controller: LoadedIssuer): Promise<IdentityController> {
  if (controller.proof === undefined) return controller;
  try {
    const metrics = await withPortForward(mesh, controller.podName, adminPort, (localPort) =>
      fetchText(`http://127.0.0.1:${localPort}/metrics`, mesh.signal),
    );
    const seconds = metricValue(metrics, issuerMetric);
    if (seconds === undefined) return controller;
    return { ...controller, metricNotAfter: new Date(Date.now() + seconds * 1000) };
  } catch (error) {
    if (mesh.signal.aborted) throw error;
    return { ...controller, metricFailure: (error as Error).message };
  }
}

/** The value of a metric without labels in Prometheus' text format; `undefined` if it is not there. */
export function metricValue(metrics: string, name: string): number | undefined {
  const value = metrics
    .split("\n")
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length);
  return value === undefined ? undefined : Number(value);
}
