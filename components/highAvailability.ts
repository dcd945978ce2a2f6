/** What makes a control plane highly available: the numbers of upstream's own `values-ha.yaml`, family by family. */
import type { ChartFamily } from "./chartFamilies.ts";
import type { HelmValues } from "./helmValues.ts";

const cpu = { limit: "", request: "100m" };
const controller = { cpu, memory: { limit: "250Mi", request: "50Mi" } };
const proxy = {
  resources: { cpu: { request: "100m" }, memory: { limit: "250Mi", request: "20Mi" } },
};

/** In every family's file. */
const common = {
  enablePodAntiAffinity: true,
  controllerReplicas: 3,
  controllerResources: controller,
  destinationResources: controller,
  identityResources: { cpu, memory: { limit: "250Mi", request: "10Mi" } },
  heartbeatResources: controller,
  proxyInjectorResources: controller,
  spValidatorResources: controller,
  webhookFailurePolicy: "Fail",
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
  if (family.root === "global") {
    return {
      ...common,
      global: { proxy },
      publicAPIResources: controller,
      tapResources: controller,
      webResources: controller,
      grafana: { resources: { cpu, memory: { limit: "1024Mi", request: "50Mi" } } },
      prometheus: {
        resources: { cpu: { limit: "", request: "300m" }, memory: { limit: "8192Mi", request: "300Mi" } },
      },
    };
  }
  if (family.chart === "linkerd2") {
    return { ...common, proxy, ...(family.externalCA ? {} : { publicAPIResources: controller }) };
  }
  if (family.gatewayApi === undefined) return { ...common, proxy, ...disruption };
  return {
    ...common,
    proxy,
    ...disruption,
    highAvailability: true,
    ...(family.from[0] < 2000
      ? { policyControllerResources: controller }
      : { controller: { podDisruptionBudget: { maxUnavailable: 1 } } }),
  };
}
