/** Certificates in Secrets. The private keys beside them are never kept, printed or returned. */
import type { V1Secret } from "@kubernetes/client-node";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";
import { type PemText, readCertificates } from "../rules/credentials/pemText.ts";
import type { Mesh } from "./cluster.ts";
import { found } from "./requests.ts";
import { type WatchedObjects, type Watcher, watchObjects } from "./watch.ts";

const certificateKey = "tls.crt";

/** The certificate of a `kubernetes.io/tls` Secret. */
export interface StoredCertificate {
  readonly secretName: string;
  /** The text of its certificates; absent if the Secret or its key does not exist. */
  readonly pem?: PemText;
  /** The certificate; absent if it cannot be read. */
  readonly certificate?: ParsedCertificate;
  /** What follows it in the Secret, towards a trust anchor. */
  readonly intermediates: readonly ParsedCertificate[];
  /** Why there is no certificate. */
  readonly unreadable?: string;
  /** The Certificate for which cert-manager has written it; absent if someone else has. */
  readonly writtenFor?: string | undefined;
  /** When it was last written, as the API server keeps it; absent if it does not say. */
  readonly writtenAt?: Date | undefined;
}

export async function readStoredCertificate(mesh: Mesh, secretName: string): Promise<StoredCertificate> {
  const { core, namespace } = mesh;
  const secret = core.readNamespacedSecret({ name: secretName, namespace });
  return certificateOf(mesh, secretName, await found(`Secret ${namespace}/${secretName}`, secret));
}

/** Keeps the Secret's certificate up to date. The list has one element. */
export function watchStoredCertificate(
  mesh: Mesh,
  secretName: string,
  watcher: Watcher,
): WatchedObjects<StoredCertificate> {
  const { core, namespace } = mesh;
  const fieldSelector = `metadata.name=${secretName}`;
  const secrets = watchObjects<V1Secret>(
    mesh,
    {
      what: `Secret ${namespace}/${secretName}`,
      path: `/api/v1/namespaces/${namespace}/secrets`,
      list: () => core.listNamespacedSecret({ namespace, fieldSelector }),
      fieldSelector,
    },
    watcher,
  );
  return { list: () => [certificateOf(mesh, secretName, secrets.list()[0])], stop: secrets.stop };
}

function certificateOf({ namespace }: Mesh, secretName: string, secret?: V1Secret): StoredCertificate {
  const encoded = secret?.data?.[certificateKey];
  if (encoded === undefined) {
    const unreadable =
      secret === undefined ? "The Secret does not exist." : `The Secret has no key ${certificateKey}.`;
    return { secretName, intermediates: [], unreadable };
  }
  const field = `Secret ${namespace}/${secretName}, ${certificateKey}`;
  const pem = { field, text: Buffer.from(encoded, "base64").toString() };
  const writtenFor = isCertManagers(secret!)
    ? secret!.metadata?.annotations?.["cert-manager.io/certificate-name"]
    : undefined;
  const writtenAt = writersOf(secret!)
    .flatMap(({ time }) => (time === undefined ? [] : new Date(time)))
    .toSorted((one, other) => other.getTime() - one.getTime())[0];
  const { members, findings } = readCertificates(pem, parseCertificate);
  const [first, ...others] = members;
  const intermediates = others.map(({ certificate }) => certificate);
  // Linkerd takes the first certificate; if that one cannot be read, none of the others stands for it.
  if (first?.place !== 1) {
    const { message } = findings.find(({ severity }) => severity === "error")!;
    return { secretName, pem, intermediates: [], unreadable: message, writtenFor, writtenAt };
  }
  return { secretName, pem, certificate: first.certificate, intermediates, writtenFor, writtenAt };
}

/** Annotations stay when someone else takes a Secret over; who has written its certificate is kept apart from them. */
function isCertManagers(secret: V1Secret): boolean {
  return writersOf(secret).some(({ manager = "" }) => manager.startsWith("cert-manager"));
}

/** Who has written its certificate, and when. */
function writersOf({ metadata }: V1Secret) {
  return (metadata?.managedFields ?? []).filter(
    ({ fieldsV1 }) =>
      `f:${certificateKey}` in ((fieldsV1 as { "f:data"?: object } | undefined)?.["f:data"] ?? {}),
  );
}
