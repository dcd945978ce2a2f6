/** A resource as the rules see it: of a preview, of an update, or of a test. Without Pulumi. */
import type { HelmValues } from "../rules/charts/values.ts";
import type { Finding } from "../rules/finding.ts";
import { isLater, isPlainObject } from "../rules/known.ts";

/** A value that only the update will know. The rules judge what is known, and pass this by. */
export class Unknown {}

export interface Resource {
  readonly urn: string;
  /** The engine's name of its type, such as `kubernetes:core/v1:Secret`. */
  readonly type: string;
  readonly name: string;
  /** Its inputs, and its outputs where the whole stack is judged. A secret is what it hides. */
  readonly properties: HelmValues;
  readonly isProtected: boolean;
  /** URN of what it is part of. */
  readonly parent?: string | undefined;
  /** URNs of the resources that each property is made from; empty where a resource is judged alone. */
  readonly madeFrom: Readonly<Record<string, readonly string[]>>;
  /** Properties of its provider; absent for a component, which has none. */
  readonly provider?: HelmValues | undefined;
}

/** Why a change is refused. */
export interface Refusal {
  /** Absent: the stack. */
  readonly resource?: Resource | undefined;
  /** What is wrong, with its value. */
  readonly message: string;
  readonly fix: string;
}

/** Judges one resource before it is touched. */
export type ResourceRule = (resource: Resource) => Iterable<Refusal>;

/** What a team sets of a rule. */
export interface RuleSettings {
  /** Shortest life of a trust anchor, as a Go duration. */
  readonly anchorAtLeast: string;
  /** Longest life of an identity issuer, as a Go duration. */
  readonly issuerAtMost: string;
}

/** Judges all of a stack, as it is going to be. */
export type StackRule = (stack: readonly Resource[], settings: RuleSettings, now: Date) => Iterable<Refusal>;

/** The value at a path with dots; `undefined` if there is none, and unknown if what it is in is not known. */
export function read({ properties }: Resource, path: string): unknown {
  let value: unknown = properties;
  for (const key of path.split(".")) {
    if (isLater(value)) return value;
    value = isPlainObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

/** The text at a path with dots; `undefined` if there is none, or it is not known. */
export function textAt(resource: Resource, path: string): string | undefined {
  const value = read(resource, path);
  return typeof value === "string" ? value : undefined;
}

/** `namespace/name` of a Kubernetes object, as far as it is known. */
export function objectName(resource: Resource): string {
  const [namespace, name] = ["namespace", "name"].map((key) => textAt(resource, `metadata.${key}`));
  return [namespace, name ?? resource.name].filter((part) => part !== undefined).join("/");
}

/** Whether something of a value is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (isLater(value)) return true;
  if (Array.isArray(value)) return value.some(hasUnknown);
  return isPlainObject(value) && Object.values(value).some(hasUnknown);
}

/** The refusals of a rule that settings have to keep as well. A warning refuses nothing. */
export function refusalsOf(findings: Iterable<Finding>, resource?: Resource): Refusal[] {
  return [...findings]
    .filter(({ severity }) => severity === "error")
    .map(({ field, message, fix }) => ({ resource, message: `${field}: ${message}`, fix }));
}
