/** The namespaces of a mesh carry what Linkerd selects by. */
import { familyOf } from "../rules/charts/families.ts";
import { isLater } from "../rules/known.ts";
import { namespaceMarks } from "../rules/namespaceMarks.ts";
import { podSecurityLevel } from "../rules/settings/controlPlane.ts";
import { type Mesh, meshesOf, types } from "./mesh.ts";
import { type Refusal, type Resource, read, textAt, Unknown } from "./resource.ts";

interface Marks {
  readonly labels: Readonly<Record<string, string | Unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Refuses a namespace of this stack that lacks them. One that is made elsewhere is not seen here. */
export function* checkNamespaces(stack: readonly Resource[]): Iterable<Refusal> {
  for (const mesh of meshesOf(stack)) {
    for (const release of mesh.resources.filter(({ type }) => type === types.release)) {
      const namespace = textAt(release, "namespace");
      const marks = marksOf(release, mesh);
      if (namespace === undefined || marks === undefined) continue;
      const resource = stack.find(
        (one) =>
          /^kubernetes:core\/v1:Namespace(Patch)?$/.test(one.type) &&
          textAt(one, "metadata.name") === namespace,
      );
      if (resource !== undefined) yield* lacking(resource, namespace, marks);
    }
  }
}

function* lacking(resource: Resource, namespace: string, marks: Marks): Iterable<Refusal> {
  for (const [kind, demanded] of Object.entries(marks)) {
    const given = read(resource, `metadata.${kind}`) as Readonly<Record<string, unknown>> | undefined;
    if (isLater(given)) continue;
    for (const [name, value] of Object.entries<string | Unknown>(demanded)) {
      const found = given?.[name];
      if (isLater(value) || isLater(found) || found === value) continue;
      yield {
        resource,
        message: `Namespace ${namespace} has ${found === undefined ? `no ${kind.slice(0, -1)} ${name}` : `${name}=${found}`}; Linkerd demands ${name}=${value}.`,
        fix: `Set it: ${name}: "${value}". Webhooks, proxies and trust-manager go by it.`,
      };
    }
  }
}

/** What a release demands of its namespace; `undefined` for one that demands nothing. */
function marksOf(release: Resource, { controlPlane }: Mesh): Marks | undefined {
  const level = controlPlane === undefined ? new Unknown() : levelOf(controlPlane);
  switch (textAt(release, "name")) {
    case "linkerd-control-plane":
    case "linkerd2":
      return namespaceMarks.controlPlane(textAt(release, "namespace")!, level);
    case "cert-manager":
      return namespaceMarks.certManager();
    case "linkerd-cni":
      return namespaceMarks.cni();
    case "linkerd-viz":
      return namespaceMarks.viz(level);
    default:
      return undefined;
  }
}

/** Unknown for a chart that tells nothing of it. */
function levelOf(controlPlane: Resource): string | Unknown {
  const family = familyOf(textAt(controlPlane, "chart") ?? "", textAt(controlPlane, "version") ?? "");
  const isCniEnabled = read(controlPlane, "values.cniEnabled");
  return family === undefined || isLater(isCniEnabled)
    ? new Unknown()
    : podSecurityLevel(family, isCniEnabled);
}
