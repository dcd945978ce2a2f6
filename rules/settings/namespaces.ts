/** The namespaces that this program makes, and the names in certificates that follow from them. */
import type { OwnedValue } from "../charts/values.ts";
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

/** Checks the namespaces that are made, by themselves and against each other. */
export function* checkNamespaces({ controlPlane, certManager, cni, viz }: Settings): Iterable<Finding> {
  const fields = new Map<string, string>();
  const groups = { controlPlane: { ...controlPlane, install: true }, certManager, cni, viz };
  for (const [group, { namespace, install }] of Object.entries(groups)) {
    const field = `${group}.namespace`;
    const name = known(namespace);
    if (!install || name === undefined) continue;
    const other = fields.get(name);
    if (other === undefined) {
      fields.set(name, field);
      yield* checkNamespaceName(field, name);
    } else {
      yield broken("distinct-namespaces", {
        field,
        message: `"${name}" is ${other} as well, and a namespace cannot be made twice.`,
        fix: "Give each a namespace of its own.",
      });
    }
  }
}

/** Values with which a chart makes its namespace itself, or is told the one that it is in. */
export function namespaceValues(setting: string): OwnedValue[] {
  return [
    {
      path: "installNamespace",
      value: false,
      fix: "Remove it: this program makes the namespace, with every label, before the chart is installed.",
    },
    { path: "namespace", fix: `Remove it, and set ${setting} of this program instead.` },
  ];
}

/** What to do with these values where the chart is of Linkerd 2.12 or newer, and does not have them. */
export function formerNamespaceValues(setting: string): Readonly<Record<string, string>> {
  return {
    installNamespace:
      "Remove it: this program makes the namespace, and from Linkerd 2.12 on the chart does not.",
    namespace: `Remove it, and set ${setting} of this program instead.`,
  };
}

/** Checks that the names which follow from namespaces and trust domain fit into certificates. */
export function* checkCommonNames(settings: Settings): Iterable<Finding> {
  const { controlPlane, viz, webhooks, trustAnchor } = settings;
  const namespace = known(controlPlane.namespace);
  const vizNamespace = viz.install ? known(viz.namespace) : undefined;
  const trustDomain = known(settings.trustDomain);
  if (webhooks.rotateCredentials) {
    yield* checkWebhookNames("controlPlane.namespace", namespace, controlPlaneWebhooks);
    yield* checkWebhookNames("viz.namespace", vizNamespace, vizWebhooks);
  }
  if (namespace === undefined || trustDomain === undefined) return;
  const anchors = trustAnchor.generations.map((generation) => trustAnchorCommonName(generation, trustDomain));
  const names = [identityIssuerCommonName(namespace, trustDomain), ...anchors];
  yield* checkCommonName("trustDomain", longest(names));
}

function checkWebhookNames(
  field: string,
  namespace: string | undefined,
  webhooks: readonly Webhook[],
): Iterable<Finding> {
  if (namespace === undefined) return [];
  const names = webhooks.map(({ serviceName }) => webhookServerName(serviceName, namespace));
  return checkCommonName(field, longest(names));
}

const longest = (names: readonly string[]) =>
  names.reduce((left, right) => (right.length > left.length ? right : left));
