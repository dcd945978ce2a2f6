/** What an adoption would change, by the preview of a stack to which everything that is there belongs already. */
import { parts } from "../../components/parts.ts";
import { countOf } from "../../rules/count.ts";
import { isPlainObject } from "../../rules/known.ts";
import { differencesIn } from "../differences.ts";
import { type Change, type Preview, releaseType } from "../preview.ts";
import type { Present } from "./importFile.ts";

/** What is told of a resource. */
export interface Told {
  readonly operation: "create" | "update";
  /** Such as `Secret linkerd/linkerd-trust-anchor`. */
  readonly subject: string;
  /** What changes of it. */
  readonly fields: readonly string[];
  /** What that means for the mesh. */
  readonly meaning: string | undefined;
}

/**
 * What is going to be made or changed, but for what Pulumi and this program write for themselves.
 *
 * @param present what is imported, as the cluster has it.
 * @throws Error if the preview was refused, or anything would be replaced or deleted.
 */
export function changesOf(
  { changes, errors }: Preview,
  present: ReadonlyMap<string, Present>,
): readonly Told[] {
  if (errors.length > 0)
    throw new Error(`The preview of the adopted stack is refused:\n${errors.join("\n")}`);
  const lost = changes.filter(
    ({ operation }) => !["create", "update", "protect", "unprotect"].includes(operation),
  );
  if (lost.length > 0) {
    throw new Error(
      `It would not leave everything in its place, and so nothing is changed: ${lost.map((change) => `${change.operation} ${subjectOf(change)}`).join(", ")}.`,
    );
  }
  return changes.filter(isOfCluster).flatMap((change) => {
    const subject = subjectOf(change);
    const told = {
      subject,
      fields: fieldsOf(change, present.get(subject)?.spec),
      meaning: change.part === undefined ? undefined : parts[change.part],
    };
    const isPatch = change.type.endsWith("Patch");
    if (change.operation === "create") {
      return { ...told, operation: isPatch ? ("update" as const) : ("create" as const), fields: [] };
    }
    return told.fields.length === 0 ? [] : { ...told, operation: "update" as const };
  });
}

function fieldsOf({ type, differences, after }: Change, spec: unknown): readonly string[] {
  if (type === "kubernetes:core/v1:Secret") return [];
  if (spec !== undefined && isPlainObject(after)) {
    return differencesIn(after.spec, spec).map(
      ({ path, wanted, present }) => `spec.${path}: ${shown(present)} → ${shown(wanted)}`,
    );
  }
  // What is in an object beside what is wanted is someone else's, and stays.
  return differences
    .filter(({ path, kind }) =>
      type === releaseType ? isValue(path) : !isOwnMark(path) && kind !== "delete",
    )
    .map(({ path, before, after: wanted }) => `${path}: ${before ?? "(none)"} → ${wanted ?? "(none)"}`);
}

const shown = (value: unknown) => (value === undefined ? "(none)" : JSON.stringify(value));

/** Resources of the state alone change nothing. */
const isOfCluster = ({ operation, type }: Change) =>
  type.startsWith("kubernetes:") && (operation === "create" || operation === "update");

/** What Pulumi and this program write to objects for themselves. */
const isOwnMark = (path: string) => path.startsWith("metadata.annotations");

/**
 * What Helm is given for the mesh: all else of a release is how Pulumi goes about it. The anchors are those that were read
 * from the mesh.
 */
const isValue = (path: string) => path.startsWith("values.") && path !== "values.identityTrustAnchorsPEM";

function subjectOf({ type, name, after, before }: Change): string {
  const inputs = [after, before].find(isPlainObject) ?? {};
  if (type === releaseType) return `Helm release ${inputs.namespace}/${inputs.name}`;
  const kind = type
    .split(":")
    .at(-1)!
    .replace(/Patch$/, "");
  const { name: own = name, namespace } = isPlainObject(inputs.metadata) ? inputs.metadata : {};
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${own}`;
}

export function describeChanges(changes: readonly Told[]): string {
  return changes
    .flatMap(({ operation, subject, fields, meaning }) => [
      `  ${operation === "create" ? "made" : "changed"}: ${subject}${meaning === undefined ? "" : `: ${meaning}`}`,
      ...fields.slice(0, mostFields).map((field) => `      ${field}`),
      ...(fields.length > mostFields
        ? [`      and ${countOf(fields.length - mostFields, "field")} more`]
        : []),
    ])
    .join("\n");
}

const mostFields = 8;
