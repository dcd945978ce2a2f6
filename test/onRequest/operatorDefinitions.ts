/** The definitions of the Prometheus Operator's that `installAlerts` asks for. */
import { until } from "../../sandbox/until.ts";
import { apply } from "../operations/status/shop.ts";
import { kubectl } from "../stack.ts";

/** As far as it is needed here. */
const definition = (kind: string, plural: string) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.monitoring.coreos.com` },
  spec: {
    group: "monitoring.coreos.com",
    scope: "Namespaced",
    names: { kind, plural, singular: kind.toLowerCase() },
    versions: [
      {
        ...{ name: "v1", served: true, storage: true },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});

/** Installs them, and waits until they are served. */
export async function installOperatorDefinitions(): Promise<void> {
  await apply(definition("PodMonitor", "podmonitors"), definition("PrometheusRule", "prometheusrules"));
  await until("the definitions to be served", 60_000, async () => {
    const served = await kubectl("api-resources", "--api-group=monitoring.coreos.com", "--output=name");
    return served.includes("prometheusrules") && served.includes("podmonitors");
  });
}
