/**
 * Annotation by which the API server deletes an object at once, and what it owns after it.
 *
 * By itself, the Kubernetes provider asks for the opposite: what an object owns goes first, and it stays until then. The
 * provider looks once whether the object is still there, and then waits for word of its end; where the object has gone
 * between the two, no word comes, and `pulumi destroy` stands still for ten minutes (pulumi-kubernetes 4.18.1,
 * provider/pkg/await/condition/deleted.go). An object that is gone at once is never waited for. Nothing here needs what
 * these objects own to be gone before them.
 */
export const deleteAtOnce = { "pulumi.com/deletionPropagationPolicy": "background" } as const;
