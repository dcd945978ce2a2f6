/** The meshes of a stack: which resources are their trust anchors, their identity issuer and their releases. */
import { isSameAuthority, isSignedBy, type ParsedCertificate } from "../rules/credentials/certificate.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";
import { readCertificates } from "../rules/credentials/pemText.ts";
import { isLater, isPlainObject } from "../rules/known.ts";
import {
  anchorGeneration,
  crossSignedName,
  identityIssuerName,
  trustAnchorName,
  trustAnchorObjectName,
} from "../rules/linkerdNames.ts";
import { type Resource, read, textAt } from "./resource.ts";

export const types = {
  certificate: "kubernetes:cert-manager.io/v1:Certificate",
  issuer: "kubernetes:cert-manager.io/v1:Issuer",
  release: "kubernetes:helm.sh/v3:Release",
  secret: "kubernetes:core/v1:Secret",
  identifier: "random:index/randomId:RandomId",
  key: "tls:index/privateKey:PrivateKey",
  root: "tls:index/selfSignedCert:SelfSignedCert",
  cross: "tls:index/locallySignedCert:LocallySignedCert",
} as const;

const ownComponents = "linkerd-rotating-tls:index:";

/** Names of the Helm release of a control plane, by its chart. */
export const controlPlaneReleases: readonly string[] = ["linkerd-control-plane", "linkerd2"];

/** One generation of a trust anchor that Pulumi keeps. */
export interface Anchor {
  readonly generation: number;
  /** What it is made of: its identifier, key, root, Secret and Issuer; what vouches for it is not among them. */
  readonly parts: readonly Resource[];
  /** The same, and what vouches for it. */
  readonly all: readonly Resource[];
  /** Absent if it is not known, or cannot be read. */
  readonly root: ParsedCertificate | undefined;
}

/** The signer of a mesh's identity issuer, if that is one of its anchors. */
export interface Signer {
  readonly anchor: Anchor;
  /** The Secret with which it signs while older ones vouch for it; absent if it signs alone. */
  readonly crossSigned: Resource | undefined;
}

export interface Mesh {
  /** Everything of it. */
  readonly resources: readonly Resource[];
  /** Oldest first; none if the cluster keeps the anchor. */
  readonly anchors: readonly Anchor[];
  /** What keeps the anchor on the cluster; none if Pulumi keeps it. */
  readonly clusterAnchor: readonly Resource[];
  /** The identity issuer's Certificate; absent if someone else writes its Secret. */
  readonly issuer: Resource | undefined;
  readonly controlPlane: Resource | undefined;
}

/** The meshes of a stack, one for each `RotatingLinkerd`. */
export function meshesOf(stack: readonly Resource[]): readonly Mesh[] {
  const below = (top: Resource) => {
    const found = new Set([top.urn]);
    // A resource is registered after what it is part of, but is not always told in that order.
    for (let size = 0; size < found.size; ) {
      size = found.size;
      for (const { urn, parent } of stack) if (parent !== undefined && found.has(parent)) found.add(urn);
    }
    return stack.filter(({ urn }) => urn !== top.urn && found.has(urn));
  };
  const components = (among: readonly Resource[], name: string) =>
    among.filter(({ type }) => type === ownComponents + name);
  return components(stack, "RotatingLinkerd").map((top) => {
    const resources = below(top);
    const named = (type: string, names: readonly string[]) =>
      resources.find((one) => one.type === type && names.includes(kubernetesName(one)));
    return {
      resources,
      anchors: components(resources, "TrustAnchor")
        .map((component) => anchorOf(component, below(component)))
        .sort((one, other) => one.generation - other.generation),
      clusterAnchor: components(resources, "ClusterTrustAnchor").flatMap(below),
      issuer: named(types.certificate, [identityIssuerName]),
      controlPlane: named(types.release, controlPlaneReleases),
    };
  });
}

function anchorOf(component: Resource, all: readonly Resource[]): Anchor {
  const [, suffix = ""] = /-trust-anchor(-\d+)?$/.exec(component.name) ?? [];
  const generation = anchorGeneration(trustAnchorName + suffix) ?? 0;
  const isPart = (one: Resource) =>
    one.parent === component.urn &&
    !one.type.startsWith(ownComponents) &&
    kubernetesName(one) !== crossSignedName(generation);
  const [root] = certificatesIn(textAt(component, "certificatePem"));
  return { generation, all, parts: all.filter(isPart), root };
}

/**
 * What of a generation is going to be made, its key or its identifier: of that, a preview knows nothing that comes of it.
 *
 * Its root may be made anew: with the same subject and key, every proxy takes it for the same anchor.
 */
export function madeIn({ parts }: Anchor): readonly Resource[] {
  return parts.filter((part) => {
    const mark = { [types.key]: "publicKeyPem", [types.identifier]: "hex" }[part.type];
    return mark !== undefined && isLater(read(part, mark));
  });
}

/** The Issuer of a generation, if the cluster has it already. */
export function issuerOnCluster({ parts }: Anchor): Resource | undefined {
  return parts.find(({ type, properties }) => type === types.issuer && isPlainObject(properties.status));
}

/** What is called in the cluster, wherever else its name is from. */
const kubernetesName = (resource: Resource) =>
  textAt(resource, "metadata.name") ?? textAt(resource, "name") ?? resource.name;

/** What has been read: nearly every rule looks at the same few certificates. */
const certificatesOf = new Map<string, readonly ParsedCertificate[]>();

/** The certificates of a text that can be read; none where it is not known. */
export function certificatesIn(text: string | undefined): readonly ParsedCertificate[] {
  if (text === undefined) return [];
  const known = certificatesOf.get(text);
  if (known !== undefined) return known;
  const { members } = readCertificates({ field: "", text }, parseCertificate);
  const certificates = members.map(({ certificate }) => certificate);
  certificatesOf.set(text, certificates);
  return certificates;
}

/** Name of the Issuer of cert-manager's own that signs the identity issuer; `undefined` if another kind does. */
export function issuerNameOf({ issuer }: Mesh): string | undefined {
  if (issuer === undefined || textAt(issuer, "spec.issuerRef.kind") !== "Issuer") return undefined;
  if (textAt(issuer, "spec.issuerRef.group") !== "cert-manager.io") return undefined;
  return textAt(issuer, "spec.issuerRef.name");
}

/** `undefined` if someone else signs, or that is not known. */
export function signerOf(mesh: Mesh): Signer | undefined {
  const name = issuerNameOf(mesh);
  for (const anchor of mesh.anchors) {
    const { generation, all } = anchor;
    if (name === trustAnchorObjectName(generation)) return { anchor, crossSigned: undefined };
    if (name !== crossSignedName(generation)) continue;
    return {
      anchor,
      crossSigned: all.find((one) => one.type === types.secret && kubernetesName(one) === name),
    };
  }
  return undefined;
}

/** A text of a Secret, however it is given; `undefined` if it is not known. */
export function secretText(secret: Resource, key: string): string | undefined {
  // Keys have dots of their own.
  const values = ["stringData", "data"].map((place) => read(secret, place));
  const [plain, base64] = values.map(
    (value) => (value as Readonly<Record<string, unknown>> | undefined)?.[key],
  );
  if (typeof plain === "string") return plain;
  return typeof base64 === "string" ? Buffer.from(base64, "base64").toString() : undefined;
}

/** The anchors that vouch for the one that signs. */
export function vouchersOf({ anchors }: Mesh, { anchor, crossSigned }: Signer): readonly Anchor[] {
  if (crossSigned === undefined) return [];
  const sources = Object.values(crossSigned.madeFrom).flat();
  const chain = certificatesIn(secretText(crossSigned, "tls.crt"));
  return anchors.filter(
    (other) =>
      other !== anchor &&
      (other.all.some(({ urn }) => sources.includes(urn)) ||
        chain.some((one) => other.root !== undefined && isSignedBy(one, other.root))),
  );
}

/** The trust bundle of a mesh, as far as the stack says it. */
export interface Bundle {
  /** `undefined` if it is not known yet. */
  readonly text: string | undefined;
  readonly has: (anchor: Anchor) => boolean;
}

/** `undefined` if someone else distributes it, or there is no control plane here. */
export function bundleOf({ controlPlane }: Mesh): Bundle | undefined {
  if (controlPlane === undefined) return undefined;
  if (read(controlPlane, "values.identity.externalCA") === true) return undefined;
  const text = textAt(controlPlane, "values.identityTrustAnchorsPEM");
  if (text !== undefined) {
    const members = certificatesIn(text);
    const has = ({ root }: Anchor) =>
      root !== undefined && members.some((member) => isSameAuthority(member, root));
    return { text, has };
  }
  // The provider leaves out of a release's values what is not known yet; what they are made from is told.
  const sources = controlPlane.madeFrom.values ?? [];
  return { text, has: ({ parts }) => parts.some(({ urn }) => sources.includes(urn)) };
}
