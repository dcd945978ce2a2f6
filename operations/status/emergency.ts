/** What is said of a guarded object that anyone may write by hand. */
import type { Emergency } from "../../mesh/emergencies.ts";
import { nameOf, type ObjectReference } from "../../mesh/objects.ts";
import type { Finding } from "../../rules/finding.ts";
import { emergencyAnnotation } from "../../rules/guard/policy.ts";
import { broken } from "../../rules/rules.ts";

export function emergencyProblem({ object, reason }: Emergency): Finding {
  return broken("guard-emergency", {
    field: nameOf(object),
    message: `Its annotation ${emergencyAnnotation} gives a reason, "${reason}": until it is gone, anyone whom RBAC lets may change or delete the object by hand.`,
    fix: `Once the emergency is over, whoever may change the object takes the annotation off: kubectl annotate ${kubectlName(object)} ${emergencyAnnotation}-`,
  });
}

/** Such as `issuer.cert-manager.io linkerd-trust-anchor --namespace linkerd`. */
function kubectlName({ apiVersion, kind, name, namespace }: ObjectReference): string {
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
  const place = namespace === undefined ? "" : ` --namespace ${namespace}`;
  return `${kind.toLowerCase()}${group} ${name}${place}`;
}
