/** Who else acts on what becomes the stack's, and how they forget it without destroying it. */
import type { ObjectMarks } from "../../mesh/objects.ts";
import type { FoundRelease } from "./find.ts";
import type { Present } from "./importFile.ts";

/** Programs of Terraform's providers, by which the API server knows them. */
const isTerraform = (manager: string) => /terraform|hashicorp/i.test(manager);

/** What to do, one sentence each. */
export function whatToForget(
  present: ReadonlyMap<string, Present>,
  releases: readonly FoundRelease[],
  namespace: string,
): readonly string[] {
  const owned = new Map<string, string[]>();
  const add = (owner: string | undefined, subject: string) => {
    if (owner !== undefined) owned.set(owner, [...(owned.get(owner) ?? []), subject]);
  };
  for (const [subject, { marks }] of present) if (marks !== undefined) add(forgottenBy(marks), subject);
  for (const { name, managers } of releases) {
    if (managers.some(isTerraform)) add(terraform, `Helm release ${namespace}/${name}`);
  }
  return Array.from(owned, ([how, subjects]) => `${subjects.join(", ")}: ${how}`);
}

function forgottenBy({ annotations, labels, managers }: ObjectMarks): string | undefined {
  const release = annotations["meta.helm.sh/release-name"];
  const releaseNamespace = annotations["meta.helm.sh/release-namespace"];
  if (release !== undefined) {
    return `helm uninstall ${release} would delete it. Have Helm forget the release, whose objects stay: kubectl delete secrets --namespace ${releaseNamespace} --selector owner=helm,name=${release}`;
  }
  const application = annotations["argocd.argoproj.io/tracking-id"]?.split(":")[0];
  if (application !== undefined) {
    return `Argo CD's application ${application} would set it back. Delete that without its resources: argocd app delete ${application} --cascade=false`;
  }
  const kustomization = labels["kustomize.toolkit.fluxcd.io/name"];
  if (kustomization !== undefined) {
    return `Flux's Kustomization ${kustomization} would set it back. Suspend it, and delete it then: what a suspended one has applied stays.`;
  }
  return managers.some(isTerraform) ? terraform : undefined;
}

const terraform =
  "terraform apply or destroy would undo it. Have Terraform forget it, without destroying it: look up its address (terraform state list), terraform state rm <address>, and remove it from the configuration.";
