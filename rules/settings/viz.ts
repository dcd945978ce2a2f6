/** Settings of Linkerd's viz extension. */
import { checkIgnored, checkOwned } from "../charts/values.ts";
import type { Finding } from "../finding.ts";
import { vizWebhooks } from "../linkerdNames.ts";
import { broken } from "../rules.ts";
import { checkChart, checkRelease } from "./charts.ts";
import { formerNamespaceValues } from "./namespaces.ts";
import type { Settings } from "./settings.ts";
import { webhookValues } from "./webhooks.ts";

export function* checkViz({ viz, controlPlane, webhooks }: Settings): Iterable<Finding> {
  const { family } = controlPlane;
  if (family?.injectCaFrom === false) {
    yield broken("chart-feature", {
      field: "viz.install",
      message: `The viz extension of Linkerd ${family.linkerd} does not take its CA from cert-manager (injectCaFrom).`,
      fix: "Set it to false, or install Linkerd 2.12 or newer.",
    });
  } else {
    yield* checkRelease("viz", viz, controlPlane);
  }
  yield* checkChart("viz", viz, "controlPlane");
  yield* checkOwned("viz.values", viz.values, [
    { path: "linkerdNamespace", fix: "Remove it, and set controlPlane.namespace of this program instead." },
    { path: "clusterDomain", fix: "Remove it, and set clusterDomain of this program instead." },
    { path: "identityTrustDomain", fix: "Remove it, and set trustDomain of this program instead." },
    ...(webhooks.rotateCredentials ? vizWebhooks.flatMap(webhookValues) : []),
  ]);
  yield* checkIgnored("chart-value", "viz.values", viz.values, "The viz extension's chart", ignoredValues);
}

const separateGrafana =
  "Remove it: from Linkerd 2.12 on, Grafana is installed separately, and found by grafana.url.";

/** Values of the extension's chart before Linkerd 2.12, or of Linkerd's other charts, which this one ignores. */
const ignoredValues = {
  ...formerNamespaceValues("viz.namespace"),
  cniEnabled: "Remove it: the namespace's pod-security level follows that of the control plane's.",
  global: "Write what is below global without it: this chart has its values at the top.",
  imagePullPolicy: "Write it as defaultImagePullPolicy.",
  proxy: "Write it below the workload that it is for, such as tap.proxy.",
  grafanaUrl: "Write it as grafana.url.",
  "grafana.enabled": separateGrafana,
  "grafana.image": separateGrafana,
  "grafana.resources": separateGrafana,
};
