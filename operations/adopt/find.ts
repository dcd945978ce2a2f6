/** What is on a cluster that runs a Linkerd which this program did not install. */
import { conditionOf, type IssuerReference } from "../../mesh/certManager.ts";
import type { Mesh } from "../../mesh/cluster.ts";
import { type CommandInstallation, findCommandInstallation } from "../../mesh/commandInstallation.ts";
import { type InstalledRelease, listReleases, releasesOf } from "../../mesh/helmReleases.ts";
import { findIssuer } from "../../mesh/issuers.ts";
import { findObject } from "../../mesh/objects.ts";
import { found, requested } from "../../mesh/requests.ts";
import { readMeshSettings } from "../../mesh/trust.ts";
import { textOf } from "../../rules/credentials/storedIssuer.ts";
import {
  anchorGeneration,
  crdsReleaseName,
  crossSignedName,
  identityIssuerName,
} from "../../rules/linkerdNames.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import { type ClusterAnchor, findClusterAnchor } from "./findClusterAnchor.ts";

/** A chart that Helm has installed. */
export interface FoundRelease
  extends Pick<
    InstalledRelease,
    "name" | "status" | "chart" | "values" | "description" | "manifest" | "managers"
  > {}

/** Who makes the identity issuer, as far as the cluster shows it. */
export type FoundIssuer =
  /** cert-manager, by a Certificate. */
  | {
      readonly by: "certificate";
      readonly name: string;
      readonly isReady: boolean;
      readonly issuerRef: Required<IssuerReference>;
      readonly duration?: string | undefined;
      readonly renewBefore?: string | undefined;
      /** The Secret of this namespace with which an Issuer of type CA signs; absent if another one signs. */
      readonly signsWith?: string | undefined;
    }
  /** Nobody that renews it. */
  | {
      readonly by: "hand";
      readonly scheme: string;
      readonly certificatePem: string;
      readonly privateKeyPem: string;
    };

/** An anchor's key, in a Secret of the name that this program gives to one. */
interface KeptAnchor {
  readonly generation: number;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** By which the generation before vouches for it; absent if none does. */
  readonly crossCertificatePem?: string | undefined;
}

export interface Installation {
  readonly namespace: string;
  /** Oldest first. */
  readonly keptAnchors: readonly KeptAnchor[];
  /** The anchors of the running mesh, as its ConfigMap has them; absent if Linkerd is not installed. */
  readonly bundlePem?: string | undefined;
  /** Whether someone other than Linkerd's chart distributes them. */
  readonly isDistributed: boolean;
  /** Of a mesh whose anchors someone else distributes, if cert-manager is there. */
  readonly clusterAnchor?: ClusterAnchor | undefined;
  /** Whether Buoyant's operator rotates the anchor. */
  readonly hasOperator: boolean;
  /** Whether Linkerd's own ConfigMap is there. */
  readonly isInstalled: boolean;
  readonly trustDomain: string;
  readonly releases: readonly FoundRelease[];
  readonly command: CommandInstallation;
  /** Absent if the Secret is not there. */
  readonly issuer?: FoundIssuer | undefined;
  readonly hasCertManager: boolean;
  /** Extensions that Helm has installed, such as `linkerd-viz/linkerd-viz`. */
  readonly extensions: readonly string[];
}

const extensionReleases = [
  "linkerd-viz",
  "linkerd-cni",
  "linkerd2-cni",
  "linkerd-jaeger",
  "linkerd-multicluster",
];

interface Certificate {
  readonly spec: {
    readonly secretName: string;
    readonly issuerRef: IssuerReference;
    readonly duration?: string;
    readonly renewBefore?: string;
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** @throws Error if something of it may not be read. */
export async function findInstallation(mesh: Mesh): Promise<Installation> {
  const { namespace } = mesh;
  const hasCertManager = await servesCertificates(mesh);
  const settings = await readMeshSettings(mesh);
  const [keptAnchors, clusterAnchor, hasOperator, releases, command, issuer, extensions] = await Promise.all([
    findKeptAnchors(mesh),
    settings.isDistributed && hasCertManager ? findClusterAnchor(mesh) : undefined,
    findOperator(mesh),
    findReleases(mesh),
    findCommandInstallation(mesh),
    findIssuerOf(mesh, hasCertManager),
    listReleases(mesh, extensionReleases),
  ]);
  return {
    namespace,
    keptAnchors,
    bundlePem: settings.bundle?.text,
    isDistributed: settings.isDistributed,
    isInstalled: settings.isInstalled,
    trustDomain: settings.purpose.trustDomain,
    clusterAnchor,
    hasOperator,
    releases,
    command,
    issuer,
    hasCertManager,
    extensions: extensions.map(({ namespace: where, name }) => `${where}/${name}`),
  };
}

/** Each with those who have written what it has installed, too: the record may be by another one of their names. */
async function findReleases(mesh: Mesh): Promise<FoundRelease[]> {
  const { namespace } = mesh;
  const config = { apiVersion: "v1", kind: "ConfigMap", name: "linkerd-config", namespace };
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    name: "serviceprofiles.linkerd.io",
  };
  const releases = await releasesOf(mesh, namespace);
  return Promise.all(
    releases.map(async (release) => {
      const object = await findObject(mesh, release.chart.name === crdsReleaseName ? definition : config);
      return { ...release, managers: [...release.managers, ...(object?.managers ?? [])] };
    }),
  );
}

async function findKeptAnchors({ core, namespace }: Mesh): Promise<readonly KeptAnchor[]> {
  const fieldSelector = "type=kubernetes.io/tls";
  const listed = core.listNamespacedSecret({ namespace, fieldSelector });
  const { items } = await requested(`Secrets of namespace ${namespace}`, listed);
  const textIn = (name: string, key: string) => {
    const secret = items.find(({ metadata }) => metadata!.name === name);
    return secret && textOf({ field: name, data: secret.data ?? {} }, key).text;
  };
  return items
    .flatMap(({ metadata }) => {
      const name = metadata!.name!;
      const generation = anchorGeneration(name);
      if (generation === undefined) return [];
      const [crossCertificatePem] = (textIn(crossSignedName(generation), "tls.crt") ?? "").split(
        /(?<=-----END CERTIFICATE-----)/,
      );
      return {
        generation,
        certificatePem: textIn(name, "tls.crt")!,
        privateKeyPem: textIn(name, "tls.key")!,
        ...(crossCertificatePem !== "" && { crossCertificatePem }),
      };
    })
    .toSorted((left, right) => left.generation - right.generation);
}

/** Buoyant's `TrustAnchorRotation`, of which a cluster has one. */
async function findOperator({ custom }: Mesh): Promise<boolean> {
  const kind = { group: "trust.linkerd.io", version: "v1alpha1", plural: "trustanchorrotations" };
  const listed: Promise<{ items: readonly unknown[] }> = custom.listClusterCustomObject(kind);
  return ((await found("trustanchorrotations.trust.linkerd.io", listed))?.items.length ?? 0) > 0;
}

async function servesCertificates({ definitions }: Pick<Mesh, "definitions">): Promise<boolean> {
  const name = `certificates.${certManagerGroup}`;
  const read = definitions.readCustomResourceDefinition({ name });
  return (await found(`CustomResourceDefinition ${name}`, read)) !== undefined;
}

async function findIssuerOf(mesh: Mesh, hasCertManager: boolean): Promise<FoundIssuer | undefined> {
  const { core, namespace } = mesh;
  const field = `Secret ${namespace}/${identityIssuerName}`;
  const [secret, certificate] = await Promise.all([
    found(field, core.readNamespacedSecret({ name: identityIssuerName, namespace })),
    hasCertManager ? findCertificate(mesh) : undefined,
  ]);
  if (certificate === undefined) {
    if (secret === undefined) return undefined;
    const { data = {} } = secret;
    const [scheme, certificate, key] =
      "tls.crt" in data
        ? (["kubernetes.io/tls", "tls.crt", "tls.key"] as const)
        : (["linkerd.io/tls", "crt.pem", "key.pem"] as const);
    const textAt = (name: string) => textOf({ field, data }, name).text;
    return { by: "hand", scheme, certificatePem: textAt(certificate), privateKeyPem: textAt(key) };
  }
  const { group = certManagerGroup, kind = "Issuer", name } = certificate.spec.issuerRef;
  const issuerRef = { group, kind, name };
  const { issuer, isNamespaced } = await findIssuer(mesh, namespace, issuerRef);
  return {
    by: "certificate",
    name: identityIssuerName,
    isReady: conditionOf(certificate, "Ready")?.status === "True",
    issuerRef,
    duration: certificate.spec.duration,
    renewBefore: certificate.spec.renewBefore,
    signsWith: isNamespaced ? issuer?.spec?.ca?.secretName : undefined,
  };
}

function findCertificate({ custom, namespace }: Mesh): Promise<Certificate | undefined> {
  const object = { group: certManagerGroup, version: "v1", plural: "certificates", namespace };
  const read: Promise<Certificate> = custom.getNamespacedCustomObject({
    ...object,
    name: identityIssuerName,
  });
  return found(`Certificate ${namespace}/${identityIssuerName}`, read);
}
