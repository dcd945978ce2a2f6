/** The namespaces that this program makes, and the names in certificates that follow from them. */
import type { Finding } from "../finding.ts";
import { known } from "../known.ts";
import {
  controlPlaneWebhooks,
  identityIssuerCommonName,
  trustAnchorCommonName,
  vizWebhooks,
  type Webhook,
  webhookServerName,
} from "../linkerdNames.ts";
import { checkCommonName, checkNamespaceName } from "../names.ts";
import { broken } from "../rules.ts";
import type { Settings } from "./settings.ts";

/** Checks the namespaces by themselves and against each other. */
export function checkNamespaces({ controlPlane, certManager, cni, viz }: Settings): Finding[] {
  const made = [
    { field: "controlPlane.namespace", namespace: controlPlane.namespace, isMade: true },
    { field: "certManager.namespace", namespace: certManager.namespace, isMade: certManager.install },
    { field: "cni.namespace", namespace: cni.namespace, isMade: cni.install },
    { field: "viz.namespace", namespace: viz.namespace, isMade: viz.install },
  ].flatMap(({ field, namespace, isMade }) => {
    const name = known(namespace);
    return isMade && name !== undefined ? [{ field, name }] : [];
  });
  return made.flatMap(({ field, name }, index) => {
    const other = made.slice(0, index).find((earlier) => earlier.name === name);
    if (other === undefined) return checkNamespaceName(field, name);
    return broken("distinct-namespaces", {
      field,
      message: `"${name}" is ${other.field} as well, and a namespace cannot be made twice.`,
      fix: "Give each a namespace of its own.",
    });
  });
}

/** Checks that the names which follow from namespaces and trust domain fit into certificates. */
export function checkCommonNames(settings: Settings): Finding[] {
  const { controlPlane, viz, webhooks, trustAnchor } = settings;
  const findings: Finding[] = [];
  const check = (field: string, commonNames: readonly string[]) => {
    findings.push(
      ...checkCommonName(
        field,
        commonNames.reduce((left, right) => (right.length > left.length ? right : left)),
      ),
    );
  };
  const checkWebhooks = (field: string, namespace: string | undefined, served: readonly Webhook[]) => {
    if (namespace === undefined || !webhooks.rotateCredentials) return;
    check(
      field,
      served.map(({ serviceName }) => webhookServerName(serviceName, namespace)),
    );
  };
  const namespace = known(controlPlane.namespace);
  const trustDomain = known(settings.trustDomain);
  checkWebhooks("controlPlane.namespace", namespace, controlPlaneWebhooks);
  if (viz.install) checkWebhooks("viz.namespace", known(viz.namespace), vizWebhooks);
  if (namespace !== undefined && trustDomain !== undefined) {
    check("trustDomain", [
      identityIssuerCommonName(namespace, trustDomain),
      ...trustAnchor.generations.map((generation) => trustAnchorCommonName(generation, trustDomain)),
    ]);
  }
  return findings;
}
