/** Who may write what is guarded. */

/** The name by which this program's own commands write to the API server. */
export const ownFieldManager = "linkerd-credentials";

/**
 * Names with which Pulumi writes: its Kubernetes provider's own, which ends in a random suffix with server-side apply, and
 * that of Helm inside of it, which is the name of the provider's program (helm pkg/kube, getManagedFieldsManager).
 */
export const pulumiFieldManagers = "pulumi-(resource-)?kubernetes(-.*)?";

/**
 * Controllers of Kubernetes that delete what is in a namespace that goes, and what has lost its owner: each by its
 * ServiceAccount, or all as the controller manager where they have none of their own (`--use-service-account-credentials`).
 */
const kubernetesControllers = [
  "system:kube-controller-manager",
  "system:serviceaccount:kube-system:generic-garbage-collector",
  "system:serviceaccount:kube-system:namespace-controller",
];

/**
 * Users and groups that may write in whichever way: Kubernetes' own controllers, cert-manager and trust-manager, and those that
 * the settings add.
 *
 * cert-manager and trust-manager are all ServiceAccounts of their namespace, whatever a chart calls theirs: whoever may run a pod there
 * can run it as any of them.
 */
export function freeWriters(certManagerNamespace: string, writers: readonly string[]): string[] {
  return [...kubernetesControllers, `system:serviceaccounts:${certManagerNamespace}`, ...writers];
}
