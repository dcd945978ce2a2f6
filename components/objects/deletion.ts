/**
 * Annotation with which the API server deletes an object at once, and what it owns after it.
 *
 * By itself, the Kubernetes provider asks for the opposite, and up to 4.18.1 could then miss the object's end and wait
 * ten minutes for it. 4.25.0 no longer misses it (provider/pkg/await/condition/source.go, DeletionSource). The annotation
 * stays, because without it every object of an existing stack would be updated, its trust anchor among them.
 */
export const deleteAtOnce = { "pulumi.com/deletionPropagationPolicy": "background" } as const;
