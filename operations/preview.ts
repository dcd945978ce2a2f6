/** Reads the output of `pulumi preview --json`, as Pulumi documents it: PreviewDigest in pulumi's pkg/display/json.go. */
import { type Part, partOf, resourceName } from "../components/parts.ts";
import { isPlainObject } from "../rules/known.ts";
import { outside, withoutKeys } from "./outside.ts";

export interface Preview {
  /** In the order in which Pulumi would take them. */
  readonly changes: readonly Change[];
  /** What went wrong; a preview without an error has come to its end. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** Absent if Pulumi had not come as far as the stack. */
  readonly stack: string | undefined;
}

/** One resource that would change. */
export interface Change {
  readonly operation:
    | "create"
    | "update"
    | "replace"
    | "delete"
    | "import"
    | "unprotect"
    | "protect"
    | "other";
  /** The engine's name of its type, such as `kubernetes:core/v1:Secret`. */
  readonly type: string;
  /** Types of the components that it is in. */
  readonly components: readonly string[];
  readonly name: string;
  /** The part of the mesh to which it belongs, if it is one's. */
  readonly part: Part | undefined;
  readonly differences: readonly Difference[];
  /** Its inputs, before and after; secrets are `[secret]` there. */
  readonly before: unknown;
  readonly after: unknown;
}

/** A property that would change. */
export interface Difference {
  /** Such as `spec.issuerRef.name`, or `spec.dnsNames[0]`. */
  readonly path: string;
  readonly kind: "add" | "update" | "delete";
  /** Whether Pulumi replaces the resource for it. */
  readonly replaces: boolean;
  /** Texts to be shown; absent for what is not there. */
  readonly before?: string;
  readonly after?: string;
}

interface Step {
  readonly op: string;
  readonly urn: string;
  readonly detailedDiff?: Readonly<Record<string, { readonly kind: string }>> | null;
  readonly oldState?: State;
  readonly newState?: State;
}

interface State {
  readonly inputs?: unknown;
  readonly protect?: boolean;
}

/** What Pulumi calls one step of each of these. */
const operations: Readonly<Record<string, Change["operation"] | undefined>> = {
  same: undefined,
  read: undefined,
  refresh: undefined,
  create: "create",
  update: "update",
  delete: "delete",
  import: "import",
  "create-replacement": "replace",
  replace: "replace",
  "delete-replaced": "replace",
  "import-replacement": "replace",
};

/**
 * Reads a preview, also one that has failed.
 *
 * @throws Error if the text is no such output: Pulumi writes none where it has not come as far as the program.
 */
export function readPreview(text: string): Preview {
  const { steps, diagnostics } = parse(text);
  const changes = new Map<string, Change>();
  for (const step of steps) {
    const operation = operationOf(step);
    // A replacement is several steps, of which the first to tell has both states.
    if (operation !== undefined && !changes.has(step.urn)) changes.set(step.urn, changeOf(step, operation));
  }
  const saying = (severity: string) =>
    diagnostics
      .filter((one) => one.severity === severity)
      // With its severity before it, which is known.
      .map(({ message }) =>
        withoutKeys(String(message))
          .replace(/^\w+: /, "")
          .trim(),
      );
  return {
    changes: [...changes.values()],
    errors: saying("error"),
    warnings: saying("warning"),
    stack: steps[0] && resourceName(steps[0].urn).stack,
  };
}

/** `undefined` for a resource that stays as it is. Its protection can change, which Pulumi counts for nothing. */
function operationOf({ op, oldState, newState }: Step): Change["operation"] | undefined {
  if (op === "same" && oldState?.protect !== newState?.protect) {
    return oldState?.protect ? "unprotect" : "protect";
  }
  return Object.hasOwn(operations, op) ? operations[op] : "other";
}

function parse(text: string) {
  let digest: unknown;
  try {
    digest = JSON.parse(text);
  } catch {
    // What is not JSON is said below.
  }
  if (!isPlainObject(digest)) throw new Error("This is not the output of pulumi preview --json.");
  const { steps = [], diagnostics = [] } = digest as { steps?: Step[]; diagnostics?: Diagnostic[] };
  const isRight =
    Array.isArray(steps) &&
    Array.isArray(diagnostics) &&
    steps.every((step) => isPlainObject(step) && typeof step.op === "string" && typeof step.urn === "string");
  if (!isRight) throw new Error("Its steps or its diagnostics are not those of pulumi preview --json.");
  return { steps, diagnostics: diagnostics.filter(isPlainObject) as Diagnostic[] };
}

interface Diagnostic {
  readonly severity?: string;
  readonly message?: string;
}

function changeOf(step: Step, operation: Change["operation"]): Change {
  const { urn, detailedDiff, oldState, newState } = step;
  const before = oldState?.inputs;
  const after = newState?.inputs;
  const resource = resourceName(urn);
  // Of a release with such values, the Kubernetes provider leaves out each of them, and its version.
  const hasUnknown = resource.type === releaseType && valueAtPath(after, "version") === "";
  const valueAfter = (path: string) => {
    const value = valueAtPath(after, path);
    return hasUnknown && (value === undefined || value === "") ? unknown : value;
  };
  return {
    operation,
    ...resource,
    part: partOf(urn),
    differences: Object.entries(detailedDiff ?? {}).map(([path, { kind }]) => ({
      path,
      kind: kindOf(kind),
      replaces: kind.endsWith("-replace"),
      ...shown("before", valueAtPath(before, path)),
      ...shown("after", valueAfter(path)),
    })),
    before,
    after,
  };
}

/** Helm's releases. */
export const releaseType = "kubernetes:helm.sh/v3:Release";

const kindOf = (kind: string): Difference["kind"] =>
  kind.startsWith("add") ? "add" : kind.startsWith("delete") ? "delete" : "update";

/** The value at one of the engine's property paths; `undefined` if there is none. */
export function valueAtPath(value: unknown, path: string): unknown {
  const keys = [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)];
  return keys.reduce<unknown>((inner, [, quoted, place, name]) => {
    const key = quoted?.replaceAll(/\\(.)/g, "$1") ?? place ?? name!;
    return typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
      ? (inner as Record<string, unknown>)[key]
      : undefined;
  }, value);
}

/** What stands in the output for a value that only the update will know (pulumi's pkg/resource/stack/deployment.go). */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const shown = <Key extends "before" | "after">(key: Key, value: unknown) =>
  value === undefined ? {} : { [key]: shownValue(value) };

/** How a value is shown that only the update will know. */
export const knownLater = "known in the update";

/** A value in one line, without what it holds if that is long. */
function shownValue(value: unknown): string {
  if (value === unknown) return knownLater;
  if (value === "[secret]") return "[secret]";
  const certificates =
    typeof value === "string" ? value.match(/-----BEGIN CERTIFICATE-----/g)?.length : undefined;
  if (certificates !== undefined)
    return certificates === 1 ? "1 certificate" : `${certificates} certificates`;
  return outside(JSON.stringify(value), 160);
}
