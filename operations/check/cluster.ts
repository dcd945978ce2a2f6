/** Checks the credentials that a cluster holds, by the same rules as those in files. */
import { type ConnectOptions, connect } from "../../mesh/cluster.ts";
import { found } from "../../mesh/requests.ts";
import { readMeshSettings } from "../../mesh/trust.ts";
import { checkGenerations, type Purpose } from "../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import { checkStoredIssuer, textOf } from "../../rules/credentials/storedIssuer.ts";
import { trustRootsName } from "../../rules/linkerdNames.ts";
import { broken } from "../../rules/rules.ts";
import { withAnchorAdvice } from "../advice.ts";
import { type Checked, withVouching } from "./checked.ts";

/** How long the cluster may take to answer everything. */
const timeoutMilliseconds = 10_000;

/** What a cluster holds, and what the installed mesh says that it is for. */
export interface HeldCredentials {
  readonly namespace: string;
  readonly secretName: string;
  /** What the Secret holds, in base64; absent if it does not exist. */
  readonly secret: Readonly<Record<string, string>> | undefined;
  /** The mesh's anchors, which are there once Linkerd is installed. */
  readonly bundle: PemText | undefined;
  /** Whether someone other than Linkerd's chart distributes them. */
  readonly isDistributed: boolean;
  readonly purpose: Omit<Purpose, "now">;
}

/**
 * Reads an issuer's Secret, and the anchors and the settings of the mesh in its namespace.
 *
 * @throws Error if the cluster cannot be asked.
 */
export async function readHeldCredentials(
  options: ConnectOptions,
  namespace: string,
  secretName: string,
): Promise<HeldCredentials> {
  const cluster = connect({ ...options, signal: AbortSignal.timeout(timeoutMilliseconds) });
  const read = cluster.core.readNamespacedSecret({ name: secretName, namespace });
  const [secret, { bundle, purpose, isDistributed }] = await Promise.all([
    found(`Secret ${namespace}/${secretName}`, read),
    readMeshSettings({ ...cluster, namespace }),
  ]);
  return { namespace, secretName, purpose, bundle, isDistributed, secret: secret && (secret.data ?? {}) };
}

/** Checks what a cluster holds; what does not exist is an error. */
export function checkHeldCredentials(
  { namespace, secretName, secret, bundle, isDistributed }: HeldCredentials,
  purpose: Purpose,
): Checked {
  const field = `Secret ${namespace}/${secretName}`;
  const missing = (of: string, message: string, fix: string) => ({
    findings: [broken("cluster-readable", { field: of, message, fix })],
    notes: [],
  });
  if (secret === undefined) {
    return missing(
      field,
      "The Secret does not exist.",
      "Name the Secret of an identity issuer: --secret linkerd/linkerd-identity-issuer",
    );
  }
  if (bundle === undefined) {
    return missing(
      `ConfigMap ${namespace}/${trustRootsName}`,
      "The ConfigMap does not exist, or has no trust anchors in it.",
      "Name a Secret in the namespace of a control plane, whose chart or trust-manager makes this ConfigMap.",
    );
  }
  const stored = { field, data: secret };
  const findings = checkStoredIssuer(stored, bundle, purpose, parseCertificate);
  return withVouching(
    withAnchorAdvice(findings, bundle.field, isDistributed),
    checkGenerations({ bundle, issuer: textOf(stored, "tls.crt") }, parseCertificate),
  );
}
