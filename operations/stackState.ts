/** What a stack has made, by its state, in which every secret stays encrypted. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ObjectReference } from "../mesh/objects.ts";
import { valueAt } from "../rules/charts/values.ts";

/** An object of the cluster that the stack has made. */
export interface StackObject extends ObjectReference {
  /** As the stack has written it; absent if the object has none. */
  readonly spec?: unknown;
}

/** An anchor, as the stack's outputs have it. */
export interface StackAnchor {
  /** Whether it signs. */
  readonly signs: boolean;
  /** Of its Secret. */
  readonly name: string;
  readonly generation?: number;
  readonly fingerprintSha256: string;
  /** By which an older generation vouches for it; its end is in ISO 8601. */
  readonly crossCertificate?: {
    readonly by: number;
    readonly fingerprintSha256: string;
    readonly notAfter: string;
  };
}

export interface StackState {
  readonly objects: readonly StackObject[];
  readonly anchors: readonly StackAnchor[];
  /** The Helm release of the control plane, and the anchors in it; absent if someone else distributes them. */
  readonly bundle?: { readonly release: string; readonly pem: string } | undefined;
  /** What a killed Pulumi was at, one sentence each. */
  readonly pending: readonly string[];
  /** Whether it was creating something, which the state does not have. */
  readonly hasPendingCreates: boolean;
}

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: {
    readonly apiVersion?: string;
    readonly kind?: string;
    readonly metadata?: { readonly name?: unknown; readonly namespace?: unknown };
    readonly spec?: unknown;
    readonly name?: unknown;
    readonly values?: object;
  };
  readonly outputs?: { readonly trustAnchors?: readonly StackAnchor[] };
}

interface Exported {
  readonly deployment?: {
    readonly resources?: readonly Resource[];
    readonly pending_operations?: readonly { readonly type: string; readonly resource: Resource }[];
  };
}

const longestState = 256 * 1024 * 1024;

/** @throws Error if the state cannot be read. */
export async function readState(stack: string): Promise<StackState> {
  const args = ["stack", "export", "--non-interactive", "--stack", stack];
  try {
    const { stdout } = await promisify(execFile)("pulumi", args, { maxBuffer: longestState });
    return stateOf(JSON.parse(stdout));
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(
      `The state of stack ${stack} cannot be read, and without it nobody can say what the mesh had: ${(stderr || message).trim().replace(/^error: /, "")}`,
    );
  }
}

const controlPlanes = ["linkerd-control-plane", "linkerd2"];

export function stateOf({ deployment = {} }: Exported): StackState {
  const { resources = [], pending_operations: pending = [] } = deployment;
  const release = resources.find(
    ({ type, inputs }) =>
      type === "kubernetes:helm.sh/v3:Release" && controlPlanes.includes(String(inputs?.name)),
  );
  const pem = valueAt(release?.inputs?.values ?? {}, "identityTrustAnchorsPEM");
  return {
    objects: resources.flatMap(objectOf),
    anchors: resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs?.trustAnchors ?? [],
    bundle: typeof pem === "string" ? { release: String(release?.inputs?.name), pem: pem.trim() } : undefined,
    pending: pending.map(
      ({ type, resource }) => `It was killed while it was ${type} ${resource.urn.split("::").at(-1)}.`,
    ),
    hasPendingCreates: pending.some(({ type }) => type === "creating"),
  };
}

/** Its children of Helm's are not there: Pulumi does not know them. */
function objectOf({ type, inputs = {} }: Resource): readonly StackObject[] {
  const { apiVersion, kind, metadata, spec } = inputs;
  const { name, namespace } = metadata ?? {};
  const isObject = type.startsWith("kubernetes:") && !type.endsWith("Patch");
  if (!isObject || apiVersion === undefined || kind === undefined || typeof name !== "string") return [];
  return [{ apiVersion, kind, name, ...(typeof namespace === "string" && { namespace }), spec }];
}
