/**
 * What makes a control plane highly available: the numbers of upstream's own `values-ha.yaml`, family by family.
 *
 * Two values of that file are left out, because no template reads them: `controllerResources`, and
 * `policyControllerResources`. So is `controller.podDisruptionBudget`, which repeats the chart's own default.
 */
import type { ChartFamily } from "./families.ts";
import type { HelmValues } from "./values.ts";

const cpu = { limit: "", request: "100m" };
const controller = { cpu, memory: { limit: "250Mi", request: "50Mi" } };

/** In every family's file. */
const common = {
  enablePodAntiAffinity: true,
  controllerReplicas: 3,
  destinationResources: controller,
  identityResources: { cpu, memory: { limit: "250Mi", request: "10Mi" } },
  heartbeatResources: controller,
  proxyInjectorResources: controller,
  spValidatorResources: controller,
  webhookFailurePolicy: "Fail",
  proxy: { resources: { cpu: { request: "100m" }, memory: { limit: "250Mi", request: "20Mi" } } },
};

/** From Linkerd 2.12 on. */
const disruption = {
  enablePodDisruptionBudget: true,
  deploymentStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: "25%" } },
};

/**
 * Helm values of a highly available control plane: three replicas of each workload, never two on one node, so it takes
 * three nodes; and no pod is admitted while no injector answers.
 */
export function highAvailabilityValues(family: ChartFamily): HelmValues {
  if (family.chart === "linkerd2") {
    return { ...common, ...(family.externalCA ? {} : { publicAPIResources: controller }) };
  }
  // `linkerd check` looks for what goes with it.
  const flag = family.gatewayApi === undefined ? {} : { highAvailability: true };
  return { ...common, ...disruption, ...flag };
}
