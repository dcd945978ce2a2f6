/**
 * Annotation that makes Pulumi wait for a field of an object that it patches, whoever writes the field.
 *
 * The provider's state is what its watch last showed of the object, and that can be older than the patch: all objects of
 * a kind share one watch (pulumi-kubernetes 4.25.0, provider/pkg/await/informers). The next `pulumi up` would then patch
 * it again. So the annotation waits for itself, too.
 *
 * @param path where the field is, in RFC 9535's terms: `.spec.caBundle`.
 */
export function waitForPatched(path: string) {
  const itself = '.metadata.annotations["pulumi.com/waitFor"]';
  return { "pulumi.com/waitFor": JSON.stringify([path, itself].map((field) => `jsonpath={${field}}`)) };
}
