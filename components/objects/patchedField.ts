/** Annotation that a patch adds beside the one that makes Pulumi wait; its value changes whenever that one does. */
const marker = "linkerd-rotating-tls/awaits";
const revision = "1";

/**
 * Annotations that make Pulumi wait for a field of an object that it patches, whoever writes the field.
 *
 * The provider records what its watch last showed of the object, and that can be older than the patch: all objects of a
 * kind share one watch (pulumi-kubernetes 4.25.0, provider/pkg/await/informers). The next `pulumi up` would then patch it
 * again. So the patch waits for its own marker, too.
 *
 * @param path where the field is, in RFC 9535's terms: `.spec.caBundle`.
 */
export function waitForPatched(path: string): Readonly<Record<string, string>> {
  const conditions = [`jsonpath={${path}}`, `jsonpath={.metadata.annotations["${marker}"]}=${revision}`];
  return { "pulumi.com/waitFor": JSON.stringify(conditions), [marker]: revision };
}
