/** What a pod belongs to, and what a restart would restart. A pod of its own is its own workload. */
export interface Workload {
  readonly namespace: string;
  /** Such as `Deployment`; `ReplicaSet`, `Job` or another kind if nothing tells what that belongs to. */
  readonly kind: string;
  readonly name: string;
}

/** `Deployment shop/web` */
export function nameOfWorkload({ namespace, kind, name }: Workload): string {
  return `${kind} ${namespace}/${name}`;
}
