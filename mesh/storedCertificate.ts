/** Certificates in Secrets. The private keys beside them are never kept, printed or returned. */
import type { X509Certificate } from "node:crypto";
import type { V1Secret } from "@kubernetes/client-node";
import { parseBundle } from "./certificateChain.ts";
import { type Cluster, found } from "./cluster.ts";
import { type WatchedObjects, type Watcher, watchObjects } from "./watch.ts";

/** Where cert-manager puts the identity issuer, and where Linkerd expects it. */
export const issuerSecretName = "linkerd-identity-issuer";
const certificateKey = "tls.crt";

/**
 * How long after its issuance a certificate may take to reach the pods that mount its Secret: the kubelet looks about once
 * a minute, at a copy of the Secret that may be a minute old.
 */
const longestDeliveryMilliseconds = 2 * 60_000;

/** The certificate of a `kubernetes.io/tls` Secret. */
export interface StoredCertificate {
  readonly secretName: string;
  /** The certificate; absent where there is none that can be read. */
  readonly certificate?: X509Certificate;
  /** What follows it in the Secret, towards a trust anchor. */
  readonly intermediates: readonly X509Certificate[];
  /** Why there is no certificate. */
  readonly unreadable?: string;
}

/** Reads the Secret's certificate. */
export async function readCertificate(cluster: Cluster, secretName: string): Promise<StoredCertificate> {
  const { core, namespace } = cluster;
  const what = `Secret ${namespace}/${secretName}`;
  return certificateOf(
    secretName,
    await found(what, core.readNamespacedSecret({ name: secretName, namespace })),
  );
}

/** Keeps the Secret's certificate up to date. The list has one element. */
export function watchCertificate(
  cluster: Cluster,
  secretName: string,
  watcher: Watcher,
): WatchedObjects<StoredCertificate> {
  const { core, namespace } = cluster;
  const fieldSelector = `metadata.name=${secretName}`;
  const secrets = watchObjects<V1Secret>(
    cluster,
    {
      what: `Secret ${namespace}/${secretName}`,
      path: `/api/v1/namespaces/${namespace}/secrets`,
      list: () => core.listNamespacedSecret({ namespace, fieldSelector }),
      fieldSelector,
    },
    watcher,
  );
  return { list: () => [certificateOf(secretName, secrets.list()[0])], stop: secrets.stop };
}

function certificateOf(secretName: string, secret: V1Secret | undefined): StoredCertificate {
  const unreadable = (reason: string) => ({ secretName, intermediates: [], unreadable: reason });
  if (secret === undefined) return unreadable("the Secret does not exist");
  const encoded = secret.data?.[certificateKey];
  if (encoded === undefined) return unreadable(`the Secret has no key ${certificateKey}`);
  try {
    const [certificate, ...intermediates] = parseBundle(Buffer.from(encoded, "base64").toString());
    if (certificate === undefined) return unreadable(`${certificateKey} holds no PEM certificate`);
    return { secretName, certificate, intermediates };
  } catch (error) {
    return unreadable(`${certificateKey} cannot be parsed: ${(error as Error).message}`);
  }
}

/** Whether the kubelet must have delivered the certificate to running pods by that time. */
export function isDelivered({ validFromDate }: X509Certificate, time: Date): boolean {
  return time.getTime() - validFromDate.getTime() > longestDeliveryMilliseconds;
}
