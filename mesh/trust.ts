/** What a mesh trusts, and what its identity controllers are set to, by Linkerd's own ConfigMaps. */
import type { V1ObjectMeta } from "@kubernetes/client-node";
import { parse } from "yaml";
import { bundleSha256 } from "../rules/credentials/bundle.ts";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { defaultPurpose, type Purpose } from "../rules/credentials/credentials.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";
import { type PemText, readCertificates } from "../rules/credentials/pemText.ts";
import { trustRootsKey, trustRootsName } from "../rules/linkerdNames.ts";
import type { Mesh } from "./cluster.ts";
import { found } from "./requests.ts";

/** What can be read of a mesh, even if Linkerd is not installed, or not yet. */
export interface MeshSettings {
  readonly isInstalled: boolean;
  readonly purpose: Omit<Purpose, "now">;
  /** The trust anchors; absent until Linkerd's chart or trust-manager has written them. */
  readonly bundle: PemText | undefined;
  /** When its ConfigMap was last written; absent if it does not say. */
  readonly bundleWrittenAt?: Date | undefined;
  /** Whether someone other than Linkerd's chart distributes them. */
  readonly isDistributed: boolean;
  /** Whether the identity controllers take tokens that are made for them alone, as from Linkerd 2.11 on. */
  readonly ownTokens: boolean;
}

/** A mesh's trust anchors, and what an answer of its identity controllers is verified by. */
export interface Trust extends MeshSettings {
  readonly bundle: PemText;
  /** The anchors that can be read, in the bundle's order. */
  readonly anchors: readonly ParsedCertificate[];
  /** Hash of the bundle's text, if someone other than Linkerd's chart distributes it. */
  readonly distributedSha256?: string | undefined;
}

/** Reads what the mesh in a namespace is set to. Linkerd's own defaults stand for what is not said. */
export async function readMeshSettings({
  core,
  namespace,
}: Pick<Mesh, "core" | "namespace">): Promise<MeshSettings> {
  const configMap = (name: string) =>
    found(`ConfigMap ${namespace}/${name}`, core.readNamespacedConfigMap({ name, namespace }));
  const [config, roots] = await Promise.all([configMap("linkerd-config"), configMap(trustRootsName)]);
  const values = parse(config?.data?.values ?? "{}");
  const { issuer, externalCA } = values.identity ?? {};
  // Linkerd 2.10 has its bundle among its values alone; from 2.11 on it has a ConfigMap, which others may keep.
  const text: string | undefined =
    roots === undefined ? values.identityTrustAnchorsPEM : roots.data?.[trustRootsKey];
  const field = `ConfigMap ${namespace}/${roots === undefined ? "linkerd-config" : trustRootsName}`;
  return {
    isInstalled: config !== undefined,
    purpose: {
      trustDomain: values.identityTrustDomain || values.clusterDomain || defaultPurpose.trustDomain,
      issuanceLifetime: issuer?.issuanceLifetime || defaultPurpose.issuanceLifetime,
      clockSkewAllowance: issuer?.clockSkewAllowance || defaultPurpose.clockSkewAllowance,
    },
    bundle: text === undefined ? undefined : { field, text },
    bundleWrittenAt: writtenAt((roots ?? config)?.metadata),
    isDistributed: externalCA === true,
    ownTokens: roots !== undefined,
  };
}

/** When the data of an object was last written. */
function writtenAt({ creationTimestamp, managedFields = [] }: V1ObjectMeta = {}): Date | undefined {
  const times = managedFields.flatMap(({ fieldsV1, time }) =>
    time !== undefined && "f:data" in (fieldsV1 ?? {}) ? new Date(time).getTime() : [],
  );
  const created = creationTimestamp === undefined ? [] : [new Date(creationTimestamp).getTime()];
  return times.length + created.length === 0 ? undefined : new Date(Math.max(...times, ...created));
}

/** @throws Error if Linkerd is not installed in the namespace, or has no trust anchor. */
export async function readTrust(mesh: Mesh): Promise<Trust> {
  const { bundle, ...settings } = await readMeshSettings(mesh);
  const { namespace } = mesh;
  if (!settings.isInstalled) {
    throw new Error(
      `ConfigMap ${namespace}/linkerd-config does not exist. Choose the cluster (--context) and the namespace ` +
        "(--namespace) in which Linkerd is installed.",
    );
  }
  const anchors = bundle === undefined ? [] : certificatesOf(bundle);
  if (bundle === undefined || anchors.length === 0) {
    throw new Error(
      `${bundle?.field ?? `ConfigMap ${namespace}/${trustRootsName}`} holds no certificate in PEM. ` +
        "Linkerd needs its trust anchors there before it starts.",
    );
  }
  const distributedSha256 = settings.isDistributed ? bundleSha256(bundle.text) : undefined;
  return { ...settings, bundle, anchors, distributedSha256 };
}

/** The certificates of a PEM text that can be read, in its order. */
export function certificatesOf(pem: PemText): readonly ParsedCertificate[] {
  return readCertificates(pem, parseCertificate).members.map(({ certificate }) => certificate);
}
