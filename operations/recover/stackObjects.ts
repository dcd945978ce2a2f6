/** Which of the stack's objects are missing on the cluster, or hold something else than the stack has given them. */
import type { Cluster } from "../../mesh/cluster.ts";
import { findObject, nameOf } from "../../mesh/objects.ts";
import { found } from "../../mesh/requests.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import { readCertificates } from "../../rules/credentials/pemText.ts";
import { checkKey } from "../../rules/credentials/privateKey.ts";
import { textOf } from "../../rules/credentials/storedIssuer.ts";
import { crossSignedName } from "../../rules/linkerdNames.ts";
import type { Fault } from "../../rules/recovery/plan.ts";
import { differencesIn } from "../differences.ts";
import type { StackObject, StackState } from "../stackState.ts";

type Client = Pick<Cluster, "core" | "custom" | "metadata">;

/** @throws Error if one of them may not be read. */
export async function findFaults(
  cluster: Client,
  { objects, anchors }: StackState,
): Promise<readonly Fault[]> {
  const fingerprints = new Map<string, string>(
    anchors.flatMap(({ name, generation, fingerprintSha256, crossCertificate }) => [
      [name, fingerprintSha256] as const,
      ...(crossCertificate === undefined || generation === undefined
        ? []
        : [[crossSignedName(generation), crossCertificate.fingerprintSha256] as const]),
    ]),
  );
  const faults = await Promise.all(
    objects.map(async (object): Promise<readonly Fault[]> => {
      const message = await faultOf(cluster, object, fingerprints);
      return message === undefined ? [] : [{ subject: nameOf(object), message }];
    }),
  );
  return faults.flat();
}

async function faultOf(
  cluster: Client,
  object: StackObject,
  fingerprints: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const { apiVersion, kind, name, namespace } = object;
  if (kind === "Secret" && namespace !== undefined && fingerprints.has(name)) {
    return faultOfAnchor(cluster, { name, namespace }, fingerprints.get(name)!);
  }
  const [group, version] = apiVersion.split("/");
  if (group !== "cert-manager.io" || namespace === undefined) {
    return (await findObject(cluster, object)) === undefined ? missing : undefined;
  }
  const plural = `${kind.toLowerCase()}s`;
  const read: Promise<{ spec?: unknown }> = cluster.custom.getNamespacedCustomObject({
    ...{ group, version: version!, plural, namespace, name },
  });
  const present = await found(nameOf(object), read);
  if (present === undefined) return missing;
  const [changed] = differencesIn(object.spec, present.spec);
  return changed === undefined ? undefined : `Its spec.${changed.path} is not what the stack has written.`;
}

const missing = "It does not exist.";

async function faultOfAnchor(
  { core }: Client,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  fingerprint: string,
): Promise<string | undefined> {
  const field = `Secret ${namespace}/${name}`;
  const secret = await found(field, core.readNamespacedSecret({ name, namespace }));
  if (secret === undefined) return missing;
  const stored = { field, data: secret.data ?? {} };
  const [member] = readCertificates(textOf(stored, "tls.crt"), parseCertificate).members;
  if (member === undefined) return "Its tls.crt is no certificate.";
  const { fingerprint256 } = member.certificate.x509;
  if (fingerprint256 !== fingerprint) {
    return `It holds the certificate ${fingerprint256}, and the stack's is ${fingerprint}.`;
  }
  const [broken] = checkKey(textOf(stored, "tls.key"), member, []);
  return broken === undefined ? undefined : `Its tls.key does not do: ${broken.message}`;
}
