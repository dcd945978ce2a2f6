/** Waiting for cert-manager's cainjector, which writes the caBundle of webhook configurations. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

const patches = {
  Mutating: kubernetes.admissionregistration.v1.MutatingWebhookConfigurationPatch,
  Validating: kubernetes.admissionregistration.v1.ValidatingWebhookConfigurationPatch,
};

/** A webhook configuration that a chart makes. */
export interface WebhookConfiguration {
  readonly kind: keyof typeof patches;
  readonly name: string;
}

/**
 * Makes the engine wait until the API server can verify a chart's webhook.
 *
 * The chart leaves the caBundle to cainjector, and Helm is done when the pods are ready, whether the caBundle is there
 * or not. Linkerd's webhooks are ignored where they cannot be verified, so a pod that is created before that would come
 * up outside of the mesh, without a word. The patch adds nothing but the annotation that makes Pulumi wait.
 */
export function awaitInjection(
  name: string,
  { kind, name: configurationName }: WebhookConfiguration,
  release: kubernetes.helm.v3.Release,
  parent: pulumi.Resource,
): void {
  new patches[kind](
    name,
    {
      metadata: {
        name: configurationName,
        annotations: { "pulumi.com/waitFor": "jsonpath={.webhooks[0].clientConfig.caBundle}" },
      },
    },
    { parent, dependsOn: release },
  );
}
