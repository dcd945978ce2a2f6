/** Whose an object is, as far as it says so. */

interface Marks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly managers: readonly string[];
}

/** Annotation of what this program makes: which installation made it. */
export const installationAnnotation = "linkerd-rotating-tls/installation";

/**
 * Whose it is, as the end of a sentence that begins with "It is": by the marks of Helm, Argo CD, Flux and this program, and
 * else by who has written it.
 */
export function describeOwner({ labels, annotations, managers }: Marks): string {
  const release = annotations["meta.helm.sh/release-name"];
  if (release !== undefined) {
    return `of the Helm release ${annotations["meta.helm.sh/release-namespace"]}/${release}`;
  }
  const argo = annotations["argocd.argoproj.io/tracking-id"]?.split(":")[0];
  if (argo !== undefined) return `of Argo CD's application ${argo}`;
  const flux = labels["kustomize.toolkit.fluxcd.io/name"];
  if (flux !== undefined) return `of Flux's Kustomization ${flux}`;
  if (annotations[installationAnnotation] !== undefined) return "of another stack of this program";
  const manager = labels["app.kubernetes.io/managed-by"];
  if (manager !== undefined) return `managed by ${manager}`;
  // The provider has a name of its own for every object.
  const [writer] = managers.map((name) =>
    name.startsWith("pulumi-kubernetes") ? "another Pulumi stack" : name,
  );
  return writer === undefined ? "someone else's" : `by ${writer}`;
}
