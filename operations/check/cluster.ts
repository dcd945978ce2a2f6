/** Checks the credentials that a cluster holds, by the same rules as those in files. */
import { parse } from "yaml";
import { defaultClockSkewAllowance, defaultIssuanceLifetime } from "../../components/identityIssuer.ts";
import { type Cluster, found } from "../../mesh/cluster.ts";
import type { Purpose } from "../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import { checkStoredIssuer } from "../../rules/credentials/storedIssuer.ts";
import type { Finding } from "../../rules/finding.ts";
import { broken } from "../../rules/rules.ts";

const trustRootsName = "linkerd-identity-trust-roots";

/** What a cluster holds, and what the installed mesh says that it is for. */
export interface HeldCredentials {
  readonly secret: Readonly<Record<string, string>> | undefined;
  /** The mesh's anchors: of its ConfigMap, which is there once Linkerd is installed. */
  readonly bundle: PemText | undefined;
  readonly purpose: Omit<Purpose, "now">;
}

const bundleField = (namespace: string) => `ConfigMap ${namespace}/${trustRootsName}`;

/** Reads an issuer's Secret, and the anchors and the settings of the mesh in its namespace. */
export async function readHeldCredentials(
  { core, namespace }: Cluster,
  secretName: string,
): Promise<HeldCredentials> {
  const configMap = (name: string) =>
    found(`ConfigMap ${namespace}/${name}`, core.readNamespacedConfigMap({ name, namespace }));
  const [secret, roots, config] = await Promise.all([
    found(`Secret ${namespace}/${secretName}`, core.readNamespacedSecret({ name: secretName, namespace })),
    configMap(trustRootsName),
    configMap("linkerd-config"),
  ]);
  const values = parse(config?.data?.values ?? "{}");
  const { issuer } = values.identity ?? {};
  const anchors = roots?.data?.["ca-bundle.crt"];
  return {
    secret: secret === undefined ? undefined : (secret.data ?? {}),
    bundle: anchors === undefined ? undefined : { field: bundleField(namespace), text: anchors },
    purpose: {
      trustDomain: values.identityTrustDomain || values.clusterDomain || "cluster.local",
      issuanceLifetime: issuer?.issuanceLifetime || defaultIssuanceLifetime,
      clockSkewAllowance: issuer?.clockSkewAllowance || defaultClockSkewAllowance,
    },
  };
}

/** Checks what a cluster holds; what is not there is an error. */
export function checkHeldCredentials(
  { namespace }: Pick<Cluster, "namespace">,
  secretName: string,
  { secret, bundle }: HeldCredentials,
  purpose: Purpose,
): Finding[] {
  const field = `Secret ${namespace}/${secretName}`;
  const absent = (name: string, fix: string) =>
    broken("cluster-readable", {
      field: name,
      message: "It is not there, or has not what is looked for.",
      fix,
    });
  if (secret === undefined)
    return [absent(field, "Name the Secret of an identity issuer: --secret linkerd/linkerd-identity-issuer")];
  if (bundle === undefined) {
    return [
      absent(
        bundleField(namespace),
        "Look into the namespace of a control plane, whose chart or trust-manager makes it.",
      ),
    ];
  }
  return checkStoredIssuer({ field, data: secret }, bundle, purpose, parseCertificate);
}
