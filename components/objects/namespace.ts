/** The namespace of a part of the mesh: one that is made, or one that is there. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

interface NamespaceArgs {
  readonly name: pulumi.Input<string>;
  /** Whether to make it. One that is not made here gets its labels and annotations, and is never deleted. */
  readonly create: boolean;
  readonly labels: Readonly<Record<string, pulumi.Input<string>>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * A namespace with labels and annotations.
 *
 * @returns its name, once it is there and carries them.
 */
export function namespaceWith(
  name: string,
  { create, ...metadata }: NamespaceArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  if (create) return new kubernetes.core.v1.Namespace(name, { metadata }, opts).metadata.name;
  const patch = new kubernetes.core.v1.NamespacePatch(name, { metadata }, opts);
  // A preview knows the URN of a patch, but nothing that the API server would answer.
  return pulumi.all([metadata.name, patch.urn]).apply(([known]) => known);
}
