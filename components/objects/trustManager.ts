/** trust-manager's Bundle, typed as far as it is used here, and waiting for what it writes. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { deleteAtOnce } from "./deletion.ts";
import { waitForPatched } from "./patchedField.ts";

interface BundleArgs {
  /** Secrets in trust-manager's trust namespace, of which it takes `tls.crt`. */
  readonly secrets: readonly pulumi.Input<string>[];
  /** Key of the ConfigMap, which has the Bundle's name. */
  readonly key: string;
  /** Labels of the namespaces that get it. */
  readonly namespaceLabels: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * A trust-manager Bundle: keeps a ConfigMap of its name in every selected namespace filled with certificates.
 *
 * The engine waits until trust-manager has read every source and written every target that it knows of.
 */
export class Bundle extends kubernetes.apiextensions.CustomResource {
  readonly key: string;

  constructor(name: string, bundleName: string, args: BundleArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      name,
      {
        apiVersion: "trust.cert-manager.io/v1alpha1",
        kind: "Bundle",
        metadata: {
          name: bundleName,
          annotations: { "pulumi.com/waitFor": "condition=Synced", ...deleteAtOnce },
        },
        spec: {
          sources: args.secrets.map((secret) => ({ secret: { name: secret, key: "tls.crt" } })),
          target: {
            configMap: { key: args.key },
            namespaceSelector: { matchLabels: args.namespaceLabels },
          },
        },
      },
      opts,
    );
    this.key = args.key;
  }
}

/**
 * The text of a Bundle's ConfigMap in one of its namespaces, as the cluster has it at each run.
 *
 * A Bundle is Synced as well where trust-manager has not heard of a new namespace yet, so the ConfigMap itself is waited
 * for: the patch adds nothing to it but the annotation that makes Pulumi wait. It is then read at each run, in previews,
 * too, since it changes without Pulumi. It holds certificates alone. (The state has no inputs of what is only read, so
 * `pulumi refresh` counts it as updated.)
 */
export function distributedText(
  name: string,
  bundle: Bundle,
  namespace: pulumi.Input<string>,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const awaited = new kubernetes.core.v1.ConfigMapPatch(
    name,
    {
      metadata: {
        name: bundle.metadata.name,
        namespace,
        annotations: waitForPatched(`.data["${bundle.key}"]`),
      },
    },
    { parent, dependsOn: bundle },
  );
  // The patch's id is known once the ConfigMap is there: the first preview has nothing to read.
  const { data } = kubernetes.core.v1.ConfigMap.get(name, awaited.id, { parent });
  return data.apply((texts) => texts[bundle.key]!);
}
