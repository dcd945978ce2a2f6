/** Waiting for cert-manager's cainjector, which writes the caBundle of webhook configurations and API services. */
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { Webhook } from "../../rules/linkerdNames.ts";
import { waitForPatched } from "./patchedField.ts";

const patches = {
  Mutating: kubernetes.admissionregistration.v1.MutatingWebhookConfigurationPatch,
  Validating: kubernetes.admissionregistration.v1.ValidatingWebhookConfigurationPatch,
  APIService: kubernetes.apiregistration.v1.APIServicePatch,
};

/**
 * Makes the engine wait until the API server can verify a server of a chart's.
 *
 * The chart leaves the caBundle to cainjector, and Helm is done when the pods are ready, whether the caBundle is there
 * or not. Linkerd's webhooks are ignored where they cannot be verified, so a pod that is created before that would come
 * up outside of the mesh, without a word. The patch adds nothing but the annotation that makes Pulumi wait.
 */
export function awaitInjection(
  name: string,
  { kind, name: configurationName }: Webhook["configuration"],
  release: kubernetes.helm.v3.Release,
  parent: pulumi.Resource,
): void {
  const Patch = patches[kind];
  const caBundle = kind === "APIService" ? ".spec.caBundle" : ".webhooks[0].clientConfig.caBundle";
  new Patch(
    name,
    {
      metadata: {
        name: configurationName,
        annotations: waitForPatched(caBundle),
      },
    },
    { parent, dependsOn: release },
  );
}
