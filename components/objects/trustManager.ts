/** trust-manager's Bundle, typed as far as it is used here, and waiting for what it writes. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { deleteAtOnce } from "./deletion.ts";
import { waitForPatched } from "./patchedField.ts";

interface BundleSpec {
  /** Secrets in trust-manager's trust namespace. */
  readonly sources: readonly {
    readonly secret: { readonly name: pulumi.Input<string>; readonly key: string };
  }[];
  readonly target: {
    /** Key of the ConfigMap, which has the Bundle's name. */
    readonly configMap: { readonly key: string };
    readonly namespaceSelector: { readonly matchLabels: Readonly<Record<string, pulumi.Input<string>>> };
  };
}

/**
 * A trust-manager Bundle: keeps a ConfigMap of its name in every selected namespace filled with certificates.
 *
 * The engine waits until trust-manager has read every source and written every target that it knows of.
 */
export class Bundle extends kubernetes.apiextensions.CustomResource {
  constructor(name: string, bundleName: string, spec: BundleSpec, opts?: pulumi.CustomResourceOptions) {
    super(
      name,
      {
        apiVersion: "trust.cert-manager.io/v1alpha1",
        kind: "Bundle",
        metadata: {
          name: bundleName,
          annotations: { "pulumi.com/waitFor": "condition=Synced", ...deleteAtOnce },
        },
        spec,
      },
      opts,
    );
  }
}

/** Which of a Bundle's ConfigMaps. */
export interface BundleTarget {
  readonly bundle: Bundle;
  readonly namespace: pulumi.Input<string>;
  readonly key: string;
}

/**
 * The text of a Bundle's ConfigMap, as the cluster has it at each run.
 *
 * A Bundle is Synced as well where trust-manager has not heard of a new namespace yet, so the ConfigMap itself is waited
 * for: the patch adds nothing to it but the annotation that makes Pulumi wait. It is then read at each run, in previews,
 * too, since it changes without Pulumi. It holds certificates alone. (The state has no inputs of what is only read, so
 * `pulumi refresh` counts it as updated.)
 */
export function distributedText(
  name: string,
  { bundle, namespace, key }: BundleTarget,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const awaited = new kubernetes.core.v1.ConfigMapPatch(
    name,
    {
      metadata: {
        name: bundle.metadata.name,
        namespace,
        annotations: waitForPatched(`.data["${key}"]`),
      },
    },
    { parent, dependsOn: bundle },
  );
  // The patch's id is known once the ConfigMap is there: the first preview has nothing to read.
  return kubernetes.core.v1.ConfigMap.get(name, awaited.id, { parent }).data.apply((data) => data[key]!);
}
