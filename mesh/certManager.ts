/** cert-manager's objects, as far as they are read here, and its "renew now". */
import type { V1ObjectMeta } from "@kubernetes/client-node";
import { ownFieldManager as fieldManager } from "../rules/guard/writers.ts";
import { trustAnchorName } from "../rules/linkerdNames.ts";
import type { Mesh } from "./cluster.ts";
import { found, requested, statusOf } from "./requests.ts";
import type { Listing } from "./watch.ts";

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

type Metadata = V1ObjectMeta & { readonly name: string; readonly uid: string };

/** How a Certificate names its issuer. */
export interface IssuerReference {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
}

export interface Certificate {
  readonly metadata: Metadata;
  readonly spec: {
    readonly secretName: string;
    readonly issuerRef: IssuerReference;
    readonly duration?: string;
  };
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
  readonly status?: {
    readonly conditions?: readonly Condition[];
    /** In PEM, in base64. */
    readonly certificate?: string;
  };
}

/** The Certificates of the Linkerd namespace. */
export const certificates = (mesh: Mesh) => listing<Certificate>(mesh, "certificates");

/** The CertificateRequests of the Linkerd namespace. */
export const certificateRequests = (mesh: Mesh) => listing<CertificateRequest>(mesh, "certificaterequests");

/**
 * The Certificate of the trust anchor that is kept on the cluster, in whichever namespace cert-manager is; `undefined` if
 * there is none.
 */
export async function findAnchorCertificate({
  custom,
}: Pick<Mesh, "custom">): Promise<Certificate | undefined> {
  const fieldSelector = `metadata.name=${trustAnchorName}`;
  const listed: Promise<{ items: Certificate[] }> = custom.listClusterCustomObject({
    ...{ group, version, plural: "certificates", fieldSelector },
  });
  return (await found(`certificates.${group} ${trustAnchorName} of every namespace`, listed))?.items[0];
}

function listing<T extends Certificate | CertificateRequest>(
  { custom, namespace }: Mesh,
  plural: "certificates" | "certificaterequests",
): Listing<T> {
  return {
    what: `${plural}.${group} of namespace ${namespace}`,
    path: `/apis/${group}/${version}/namespaces/${namespace}/${plural}`,
    list: () => custom.listNamespacedCustomObject({ group, version, namespace, plural }),
  };
}

export function certificateNamespace({ metadata }: Certificate, mesh: Pick<Mesh, "namespace">): string {
  return metadata.namespace ?? mesh.namespace;
}

/** The condition of that type, such as `Ready`. */
export function conditionOf<One extends { readonly type: string }>(
  object: { readonly status?: { readonly conditions?: readonly One[] } },
  type: string,
): One | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}

export function isIssuing(certificate: Certificate): boolean {
  return conditionOf(certificate, "Issuing")?.status === "True";
}

/**
 * Asks for a renewal now, as `cmctl renew` does: by the condition `Issuing` on the Certificate's status.
 *
 * If cert-manager is issuing already, nothing is changed, and that issuance is the one to wait for.
 *
 * @returns the Certificate as it was before, and whether an issuance was under way.
 * @throws Error if the Certificate may not be read, or its status not be changed.
 */
export async function askToIssue(
  mesh: Mesh,
  name: string,
): Promise<{ readonly before: Certificate; readonly joined: boolean }> {
  const { custom, namespace } = mesh;
  const object = { group, version, namespace, plural: "certificates", name };
  for (;;) {
    const before: Certificate = await requested(
      `Certificate ${namespace}/${name}`,
      custom.getNamespacedCustomObject(object),
    );
    if (isIssuing(before)) return { before, joined: true };
    try {
      const body = withIssuing(before, new Date());
      await custom.replaceNamespacedCustomObjectStatus({ ...object, body, fieldManager });
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
