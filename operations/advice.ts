/** What to do about a mesh's credentials, for the commands that read a live cluster. */
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import type { Finding } from "../rules/finding.ts";
import { identityDeploymentName } from "../rules/linkerdNames.ts";
import type { Workload } from "../rules/mesh/workload.ts";

/**
 * How long after its issuance a certificate may take to reach the pods that mount its Secret: the kubelet looks about once
 * a minute, at a copy of the Secret that may be a minute old.
 */
const longestDeliveryMilliseconds = 2 * 60_000;

export function restartController(namespace: string): string {
  return restartWorkload({ namespace, kind: "deploy", name: identityDeploymentName });
}

/** The command that restarts a workload's pods. */
function restartWorkload({ namespace, kind, name }: Workload): string {
  return `kubectl -n ${namespace} rollout restart ${kind.toLowerCase()}/${name}`;
}

/** @param objects kinds, and a name if one object is meant, as `kubectl describe` takes them. */
export function describeObjects(namespace: string, objects: string): string {
  return `See why: kubectl -n ${namespace} describe ${objects}`;
}

const rotateStack = "npm run -s rotate -- plan says what comes first (docs/rotation.md).";
const rotateCluster =
  "renew the Certificate linkerd-trust-anchor (cmctl renew), and go on as docs/credentials.md says (Rotating it).";
const expiredStack =
  "If it signs: npm run -s recover, which has it issued again with the key that it has, or says who does. " +
  "If that key may be in someone else's hands: npm run -s rotate -- begin --distrust, which says first what that interrupts. " +
  "If another one does, take its generation out of trustAnchorGenerations; protectTrustAnchors must be false before.";

/** The advice for findings about a bundle that is a chart's or trust-manager's: nobody else is to edit the ConfigMap. */
export function withAnchorAdvice(
  findings: readonly Finding[],
  bundleField: string,
  isDistributed: boolean,
): Finding[] {
  const rotate = isDistributed ? rotateCluster : rotateStack;
  const advice: Readonly<Record<string, string>> = {
    "anchor-ends": `Plan its rotation: ${rotate}`,
    "anchor-ends-soon": `Rotate it now: ${rotate} One that is to live shorter: --warn-before.`,
    "anchor-outlives-issuer": `Rotate it now: ${rotate}`,
    expired: isDistributed ? `Rotate it: ${rotate}` : expiredStack,
  };
  const chain = isDistributed
    ? "Have the anchor that is on the cluster sign it: npm run -s renew."
    : "Have an anchor of the mesh sign it, or make the one that did a generation: trustAnchorGenerations, providedTrustAnchors.";
  return findings.map((finding) => {
    if (finding.rule === "chain") return { ...finding, fix: chain };
    return finding.field === bundleField ? { ...finding, fix: advice[finding.rule] ?? finding.fix } : finding;
  });
}

/** Whether what was issued then has reached the pods that mount it. */
export function isDelivered({ x509 }: ParsedCertificate, time: Date): boolean {
  return time.getTime() - x509.validFromDate.getTime() > longestDeliveryMilliseconds;
}

/** What to do about a controller that has not loaded the issuer in its Secret. */
export function awaitReload(namespace: string, certificate: ParsedCertificate, time: Date): string {
  const restart = restartController(namespace);
  return isDelivered(certificate, time)
    ? `The controller has missed its reload: it waits for its volume to change, and does not look again. Restart it: ${restart}`
    : `The kubelet delivers a changed Secret within about two minutes: look again then. If this lasts, restart it: ${restart}`;
}
