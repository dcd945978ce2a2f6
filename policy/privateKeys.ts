/** Where private keys may be: in the tls provider's resources, in Secrets, and in what a provider logs in with. */
import { createPrivateKey } from "node:crypto";
import { decodePem } from "../rules/credentials/pem.ts";
import { isPlainObject } from "../rules/known.ts";
import { type Anchor, meshesOf, types } from "./mesh.ts";
import { objectName, type Refusal, type Resource } from "./resource.ts";

/** Types whose properties are encrypted in the state, and whose readers are those of the key. */
const keepers = /^(tls:|kubernetes:core\/v1:Secret|pulumi:providers:)/;

/** Where the key of an anchor that is given can be from. */
const sources = /^(tls:|pulumi:pulumi:StackReference$)/;

/** Refuses a private key among a resource's properties, before it is written there. */
export function* checkKeyPlaces(resource: Resource): Iterable<Refusal> {
  if (keepers.test(resource.type)) return;
  for (const { path } of privateKeysIn(resource.properties)) {
    yield {
      resource,
      message: `${path} of ${resource.type} ${resource.name} holds a private key. Whoever reads that has the key.`,
      fix: "Take it out. An anchor's key is kept by the tls provider and in the anchor's own Secret, an issuer's by cert-manager.",
    };
  }
}

/** Refuses what gives away an anchor's private key: an output, or a Secret that is not the anchor's own. */
export function* checkAnchorKeys(stack: readonly Resource[]): Iterable<Refusal> {
  const meshes = meshesOf(stack);
  // Components have no provider, and their outputs are known at their end.
  yield* stack.filter(({ provider }) => provider === undefined).flatMap((one) => [...checkKeyPlaces(one)]);
  const anchors = meshes.flatMap((mesh) => mesh.anchors);
  const inside = new Set(anchors.flatMap(({ all }) => all));
  for (const resource of stack.filter((one) => !inside.has(one) && !sources.test(one.type))) {
    const madeFrom = Object.values(resource.madeFrom).flat();
    const holds = (anchor: Anchor) =>
      anchor.parts.some(({ type, urn }) => type === types.key && madeFrom.includes(urn)) ||
      privateKeysIn(resource.properties).some(({ text }) => isKeyOf(anchor, text));
    for (const { generation } of anchors.filter(holds)) {
      yield {
        resource,
        message: `${resource.type} ${resource.properties.metadata === undefined ? resource.name : objectName(resource)} gets the private key of generation ${generation} of the trust anchor, which belongs in its own Secret alone. Whoever has it can make any identity of the mesh.`,
        fix: "Take it out. If it has been there, the key may be in someone else's hands: npm run -s rotate -- begin --distrust (docs/compromised-key.md).",
      };
    }
  }
}

interface FoundKey {
  /** Where it is, with dots. */
  readonly path: string;
  /** The text in which it is. */
  readonly text: string;
}

/** The texts with a private key in PEM, as it is or in base64. */
function privateKeysIn(value: unknown, path = ""): FoundKey[] {
  if (typeof value === "string") {
    const decoded = Buffer.from(value, "base64").toString("latin1");
    return [value, decoded]
      .filter((text) => /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
      .map((text) => ({ path, text }));
  }
  const entries = Array.isArray(value) ? value.entries() : isPlainObject(value) ? Object.entries(value) : [];
  return [...entries].flatMap(([key, item]) =>
    privateKeysIn(item, path === "" ? `${key}` : `${path}.${key}`),
  );
}

function isKeyOf({ root }: Anchor, text: string): boolean {
  return decodePem(text).blocks.some(({ type, text: pem }) => {
    if (!type.endsWith("PRIVATE KEY")) return false;
    try {
      return root?.x509.checkPrivateKey(createPrivateKey(pem)) === true;
    } catch {
      return false; // Encrypted, or no key: nobody signs with it.
    }
  });
}
