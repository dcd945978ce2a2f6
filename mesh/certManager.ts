/** cert-manager's objects, as far as they are read here, and its "renew now". */
import { type Cluster, found, requested, statusOf } from "./cluster.ts";
import { type WatchedObjects, type Watcher, type WatchOptions, watchObjects } from "./watch.ts";

const group = "cert-manager.io";
const version = "v1";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

interface Metadata {
  readonly name: string;
  readonly uid: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Certificate {
  readonly metadata: Metadata;
  readonly spec: { readonly secretName: string };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    /** Times are RFC 3339. */
    readonly notBefore?: string;
    readonly notAfter?: string;
    readonly renewalTime?: string;
    /** Counts the issuances. */
    readonly revision?: number;
    readonly failedIssuanceAttempts?: number;
  };
}

export interface CertificateRequest {
  readonly metadata: Metadata;
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** All Certificates of the Linkerd namespace; none where cert-manager is not installed. */
export async function listCertificates(cluster: Cluster): Promise<readonly Certificate[]> {
  const { what, list } = listing<Certificate>(cluster, "certificates");
  return (await found(what, list()))?.items ?? [];
}

/** Name of the Certificate of a trust anchor that is kept on the cluster, in cert-manager's namespace, whichever that is. */
const anchorName = "linkerd-trust-anchor";

/** The Certificate of the trust anchor that is kept on the cluster; `undefined` where there is none, or it may not be read. */
export async function findAnchorCertificate(cluster: Cluster): Promise<Certificate | undefined> {
  const fieldSelector = `metadata.name=${anchorName}`;
  const listed: Promise<{ items: Certificate[] } | undefined> = cluster.custom
    .listClusterCustomObject({ group, version, plural: "certificates", fieldSelector })
    .catch((error) => {
      if (statusOf(error) === 403) return undefined;
      throw error;
    });
  return (await found(`certificates.${group} ${anchorName} of every namespace`, listed))?.items[0];
}

/** All CertificateRequests of the Linkerd namespace. */
export async function listCertificateRequests(cluster: Cluster): Promise<readonly CertificateRequest[]> {
  const { what, list } = listing<CertificateRequest>(cluster, "certificaterequests");
  return (await requested(what, list())).items;
}

export function watchCertificates(cluster: Cluster, watcher: Watcher): WatchedObjects<Certificate> {
  return watchObjects(cluster, listing<Certificate>(cluster, "certificates"), watcher);
}

export function watchCertificateRequests(
  cluster: Cluster,
  watcher: Watcher,
): WatchedObjects<CertificateRequest> {
  return watchObjects(cluster, listing<CertificateRequest>(cluster, "certificaterequests"), watcher);
}

function listing<T extends Certificate | CertificateRequest>(
  { custom, namespace }: Cluster,
  plural: "certificates" | "certificaterequests",
): WatchOptions<T> {
  return {
    what: `${plural}.${group} of namespace ${namespace}`,
    path: `/apis/${group}/${version}/namespaces/${namespace}/${plural}`,
    list: () => custom.listNamespacedCustomObject({ group, version, namespace, plural }),
  };
}

/** The condition of that type, such as `Ready`. */
export function conditionOf(
  object: { readonly status?: { readonly conditions?: readonly Condition[] } },
  type: string,
): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}

/** Whether cert-manager is issuing the Certificate right now. */
export function isIssuing(certificate: Certificate): boolean {
  return conditionOf(certificate, "Issuing")?.status === "True";
}

/**
 * Asks for a renewal now, as `cmctl renew` does: by the condition `Issuing` on the Certificate's status.
 *
 * Where cert-manager is already issuing, nothing is changed and that issuance is the one to wait for.
 *
 * @returns the Certificate as it was before, and whether an issuance was under way.
 */
export async function askToIssue(
  cluster: Cluster,
  name: string,
): Promise<{ readonly before: Certificate; readonly joined: boolean }> {
  const { custom, namespace } = cluster;
  const object = { group, version, namespace, plural: "certificates", name };
  for (;;) {
    const before: Certificate = await requested(
      `Certificate ${namespace}/${name}`,
      custom.getNamespacedCustomObject(object),
    );
    if (isIssuing(before)) return { before, joined: true };
    try {
      await custom.replaceNamespacedCustomObjectStatus({ ...object, body: withIssuing(before, new Date()) });
      return { before, joined: false };
    } catch (error) {
      // Someone else changed the Certificate since it was read: look again, they may have asked for the same.
      if (statusOf(error) !== 409) {
        await requested(`Status of Certificate ${namespace}/${name}`, Promise.reject(error));
      }
    }
  }
}

/** The Certificate with the condition that asks for an issuance. */
export function withIssuing(certificate: Certificate, time: Date): Certificate {
  const { generation } = certificate.metadata;
  const others = certificate.status?.conditions?.filter(({ type }) => type !== "Issuing") ?? [];
  const issuing: Condition = {
    type: "Issuing",
    status: "True",
    reason: "ManuallyTriggered",
    message: "Certificate re-issuance manually triggered",
    // Kubernetes times have no fractions of a second.
    lastTransitionTime: `${time.toISOString().slice(0, 19)}Z`,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  return { ...certificate, status: { ...certificate.status, conditions: [...others, issuing] } };
}
