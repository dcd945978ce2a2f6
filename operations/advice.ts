/** What to do about a mesh's credentials, for the commands that read a live cluster. */
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { identityDeploymentName } from "../rules/linkerdNames.ts";

/**
 * How long after its issuance a certificate may take to reach the pods that mount its Secret: the kubelet looks about once
 * a minute, at a copy of the Secret that may be a minute old.
 */
const longestDeliveryMilliseconds = 2 * 60_000;

export function restartController(namespace: string): string {
  return `kubectl -n ${namespace} rollout restart deploy/${identityDeploymentName}`;
}

/** @param objects kinds, and a name if one object is meant, as `kubectl describe` takes them. */
export function describeObjects(namespace: string, objects: string): string {
  return `See why: kubectl -n ${namespace} describe ${objects}`;
}

/** What to do about a controller that has not loaded the issuer in its Secret. */
export function awaitReload(namespace: string, { x509 }: ParsedCertificate, time: Date): string {
  const isDelivered = time.getTime() - x509.validFromDate.getTime() > longestDeliveryMilliseconds;
  const restart = restartController(namespace);
  return isDelivered
    ? `The controller has missed its reload: it waits for its volume to change, and does not look again. Restart it: ${restart}`
    : `The kubelet delivers a changed Secret within about two minutes: look again then. If this lasts, restart it: ${restart}`;
}
