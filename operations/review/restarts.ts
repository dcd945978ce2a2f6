/** Which pods an update would restart, as far as a preview can know: it does not render the charts. */
import { trustRootsAnnotation } from "../../rules/linkerdNames.ts";
import { type Change, knownLater, releaseType, valueAtPath } from "../preview.ts";
import { few, listed, own, type Sentence, say } from "./sentence.ts";

/** Inputs of a Helm release that change how Helm goes about it, and none of the objects. */
const withoutObjects = [
  "timeout",
  "maxHistory",
  "atomic",
  "description",
  "repositoryOpts",
  "chart",
  "checksum",
];

/** What of each release restarts. */
const releases = [
  { part: "linkerd-control-plane", of: "the control plane" },
  { part: "linkerd-cert-manager", of: "cert-manager" },
  { part: "linkerd-trust-manager", of: "trust-manager" },
  { part: "linkerd-cni", of: "the CNI plugin" },
  { part: "linkerd-viz", of: "viz" },
] as const;

/** One sentence or more, for every case. */
export function restartsOf(changes: readonly Change[]): Sentence {
  const found = releases.flatMap(({ part, of }) => {
    const release = changes.find((change) => change.part === part && change.type === releaseType);
    return release === undefined ? [] : { release, of: own(of) };
  });
  const restarted = found
    .map(({ release, of }) => restartedBy(release, of))
    .filter((one) => one !== undefined);
  const added = found.filter(({ release }) => release.operation === "create").map(({ of }) => of);
  const news = added.length === 0 ? own("") : say` New are the pods of ${listed(added, " and of ")}.`;
  return restarted.length === 0
    ? say`no pod that runs.${news}`
    : say`${listed(restarted, "; ")}. Meshed pods are not restarted.${news}`;
}

/** Which pods of a release are restarted; `undefined` for none. */
function restartedBy(
  { operation, differences, before, after, part }: Change,
  of: Sentence,
): Sentence | undefined {
  if (operation === "create") return undefined;
  if (operation === "delete") return say`all pods of ${of} go`;
  const all = say`all pods of ${of}`;
  if (operation === "replace") return say`${all}, which is removed and made again`;
  const paths = differences
    .filter(({ path, after }) => path !== "version" || after !== knownLater)
    .map(({ path }) => path)
    .filter((path) => !withoutObjects.some((name) => path === name || path.startsWith(`${name}.`)));
  if (paths.length === 0) return undefined;
  if (paths.includes("version")) return say`${all}, since the chart's version is in each of them`;
  if (part === "linkerd-control-plane" && paths.includes("values.identityTrustAnchorsPEM")) {
    return say`${all}, since each carries a hash of the bundle`;
  }
  if (part === "linkerd-control-plane" && paths.some((path) => path.startsWith("values.podAnnotations"))) {
    return hasOtherBundle(before, after)
      ? say`${all}, since each carries a hash of the bundle, which is another on the cluster`
      : say`${all}, since each carries these annotations`;
  }
  return say`those pods of ${of} that change with ${few(paths)}; which these are, only the update knows, since a preview does not render the chart`;
}

/** Where the bundle is kept on the cluster, each pod of the control plane carries its hash. */
function hasOtherBundle(before: unknown, after: unknown): boolean {
  const path = `values.podAnnotations["${trustRootsAnnotation}"]`;
  return valueAtPath(before, path) !== valueAtPath(after, path);
}
