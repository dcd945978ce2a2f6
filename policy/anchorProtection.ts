/** The trust anchors on which a mesh lives are protected, and none of them is made anew. */
import { isLater } from "../rules/known.ts";
import { rules } from "../rules/rules.ts";
import {
  type Anchor,
  issuerOnCluster,
  type Mesh,
  madeIn,
  meshesOf,
  signerOf,
  types,
  vouchersOf,
} from "./mesh.ts";
import { objectName, type Refusal, type Resource } from "./resource.ts";

/** What a mesh on the cluster's own anchor loses if Pulumi deletes it. The rest is only looked at. */
const clusterParts = /:(Certificate|Issuer|ClusterIssuer|Secret|Bundle)$/;

/** Refuses a stack whose protection would let Pulumi delete or replace what the mesh lives on. */
export function* checkProtection(stack: readonly Resource[]): Iterable<Refusal> {
  for (const mesh of meshesOf(stack)) {
    yield* unprotected(
      "The trust anchor",
      mesh.clusterAnchor.filter(({ type }) => clusterParts.test(type)),
    );
    for (const { generation, parts } of neededAnchors(mesh)) {
      yield* unprotected(`Generation ${generation} of the trust anchor`, parts);
    }
  }
}

/** Those that sign or vouch. Where someone else signs, nothing but the cluster says which of several it lives on. */
function neededAnchors(mesh: Mesh): readonly Anchor[] {
  const signer = signerOf(mesh);
  if (signer !== undefined) return [signer.anchor, ...vouchersOf(mesh, signer)];
  return mesh.anchors.length === 1 ? mesh.anchors : [];
}

function* unprotected(called: string, parts: readonly Resource[]): Iterable<Refusal> {
  const open = parts.filter(({ isProtected }) => !isProtected);
  if (open.length === 0) return;
  yield {
    resource: open[0],
    message: `${called} is what the mesh lives on, and Pulumi may delete or replace ${open.map(described).sort().join(", ")}.`,
    fix: "Set trustAnchor.protect (protectTrustAnchors) to true. What has to go is no longer protected once it neither signs nor vouches.",
  };
}

const described = ({ type, name }: Resource) => `${type.split(":").at(-1)} ${name}`;

/**
 * Refuses to make anew what names a generation that the cluster has: its key, or its identifier, from which its subject comes.
 *
 * A preview does not tell what it replaces. But where a generation's Issuer is on the cluster, so was what it is made of.
 */
export function* checkReplacement(stack: readonly Resource[]): Iterable<Refusal> {
  for (const anchor of meshesOf(stack).flatMap(({ anchors }) => anchors)) {
    const issuer = issuerOnCluster(anchor);
    if (issuer === undefined) continue;
    for (const resource of madeIn(anchor)) {
      // Of a root that is given, the identifier is new where the Issuer is not, when a stack takes in what the cluster has. Pulumi
      // itself replaces none that is protected.
      if (resource.isProtected && resource.properties.keepers !== undefined) continue;
      yield {
        resource,
        message: `Generation ${anchor.generation} of the trust anchor signs by Issuer ${objectName(issuer)} already, and its ${resource.type === types.key ? "private key" : "identifier"} would be made anew: another anchor under the same name, which no proxy trusts.`,
        fix: rules["anchor-made-once"].fix,
      };
    }
  }
}

/** Refuses a provider that would replace the anchor's Secret in place of changing it. */
export function* checkSecretStays(resource: Resource): Iterable<Refusal> {
  if (resource.type !== types.secret || !resource.urn.includes(anchorsOwn)) return;
  const isMutable = resource.provider?.enableSecretMutable;
  if (isLater(isMutable) || String(isMutable) === "true") return;
  yield {
    resource,
    message: `The provider of Secret ${objectName(resource)} has not enableSecretMutable: a change would delete the anchor's Secret and make it again, and the mesh be without its signer in between.`,
    fix: 'Make the provider with it: new kubernetes.Provider("kubernetes", { enableSecretMutable: true }).',
  };
}

/** In the URN of what is part of a generation. */
const anchorsOwn = "linkerd-rotating-tls:index:TrustAnchor$";
