/** Whoever signs the identity issuer is trusted by the mesh that runs: itself, or by the word of an older generation. */
import { quotedName } from "../rules/credentials/certificate.ts";
import { chainInProxy } from "../rules/credentials/chain.ts";
import { isPlainObject } from "../rules/known.ts";
import { isAnchorIssuerName, trustAnchorObjectName } from "../rules/linkerdNames.ts";
import { rules } from "../rules/rules.ts";
import {
  type Bundle,
  bundleOf,
  certificatesIn,
  issuerNameOf,
  issuerOnCluster,
  type Mesh,
  madeIn,
  meshesOf,
  type Signer,
  secretText,
  signerOf,
} from "./mesh.ts";
import { type Refusal, type Resource, textAt } from "./resource.ts";

const { fix } = rules["signer-trusted"];

export function* checkSigner(stack: readonly Resource[], _settings: unknown, now: Date): Iterable<Refusal> {
  for (const mesh of meshesOf(stack)) {
    const signer = signerOf(mesh);
    const bundle = bundleOf(mesh);
    if (signer === undefined) yield* checkForeign(mesh);
    else if (signer.crossSigned !== undefined) yield* checkChain(mesh, signer, signer.crossSigned, now);
    else if (bundle !== undefined) yield* checkAlone(mesh, signer, bundle);
  }
}

/** An Issuer that is called like an anchor's, and is none of the stack's. */
function* checkForeign(mesh: Mesh): Iterable<Refusal> {
  const name = issuerNameOf(mesh);
  if (name === undefined || mesh.anchors.length === 0 || !isAnchorIssuerName(name)) return;
  const listed = mesh.anchors.map(({ generation }) => trustAnchorObjectName(generation)).join(", ");
  yield {
    resource: mesh.issuer,
    message: `Issuer ${name} is to sign the identity issuer, and is none of this stack's anchors (${listed}).`,
    fix,
  };
}

/**
 * One that is made in this run is held by no pod of a mesh that runs. Those of distrusted anchors are meant to refuse it. What is made
 * anew of one that was there already is for {@link checkReplacement}.
 */
function* checkAlone(mesh: Mesh, { anchor }: Signer, bundle: Bundle): Iterable<Refusal> {
  if (madeIn(anchor).length === 0 || issuerOnCluster(anchor) !== undefined || !isRunning(mesh)) return;
  const older = mesh.anchors.filter(({ generation }) => generation < anchor.generation);
  if (older.length > 0 && !older.some(bundle.has)) return;
  yield {
    resource: mesh.issuer,
    message: `Generation ${anchor.generation} is to sign, is made in this run, and no generation vouches for it: identity controllers and proxies that run would refuse what it signs.`,
    fix,
  };
}

/**
 * Whether the mesh was there before this run. What is only going to be made has no root, no status, and no identifier of the
 * API server's; and so has what is changed, where the cluster does not answer. Webhooks are patched after the control plane
 * is there, and never changed.
 */
function isRunning({ anchors, issuer, controlPlane, resources }: Mesh): boolean {
  const hasStatus = [issuer, controlPlane].some((one) => isPlainObject(one?.properties.status));
  const isPatched = (one: Resource) =>
    one.type.endsWith("WebhookConfigurationPatch") && textAt(one, "metadata.uid") !== undefined;
  return hasStatus || resources.some(isPatched) || anchors.some(({ root }) => root !== undefined);
}

/** The chain with which it signs leads to another anchor of the bundle. */
function* checkChain(mesh: Mesh, { anchor }: Signer, secret: Resource, now: Date): Iterable<Refusal> {
  const [cross, ...rest] = certificatesIn(secretText(secret, "tls.crt"));
  if (cross === undefined) return;
  const others = mesh.anchors.flatMap(({ root }) => (root === undefined || root === anchor.root ? [] : root));
  const { reason } = chainInProxy(cross, rest, others, now);
  if (reason === undefined) return;
  yield {
    resource: secret,
    message: `Generation ${anchor.generation} is to sign by a cross certificate, ${quotedName(cross)}, that leads to no older generation of this stack (${reason}): whoever trusts only those would refuse what it signs.`,
    fix,
  };
}
