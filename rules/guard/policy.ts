/**
 * The guard as the API server takes it: a ValidatingAdmissionPolicy, what it is bound to, and its parameter.
 *
 * Why it asks for the field manager: who edits by hand is mostly an administrator, who may do everything, and who runs
 * `pulumi up` with the same kubeconfig. A list of users, or a verb that RBAC grants, would let both through or neither. What
 * tells them apart is the program that writes, which each request names as its field manager. Anyone can name another one:
 * this holds back a hand, not an attacker, whom RBAC has to hold back.
 *
 * A deletion names no program. So it is refused to all but controllers, and Pulumi deletes only what the parameter no longer
 * lists: an anchor that has left the settings, or everything once the parameter itself is gone. A parameter counts within
 * milliseconds, and a changed policy within a second (k8s.io/apiserver policyRefreshInterval).
 *
 * The parameter is a Role, which nobody is bound to: it names resources and objects as RBAC does. Of a ConfigMap, the API
 * server stops hearing as soon as no policy has one for its parameter, and of the next one it then knows nothing until it is
 * restarted (kubernetes#130887). Roles it watches all the time, for RBAC.
 */
import { guardedGroups } from "./guardedObjects.ts";
import { freeWriters, ownFieldManager, pulumiFieldManagers } from "./writers.ts";

/** The annotation that lets anyone write an object by hand; its value says why. */
export const emergencyAnnotation = "linkerd-rotating-tls/emergency";

/** Name of the policy, its binding and its parameter: a cluster can have several meshes, each in a namespace of its own. */
export const guardName = (linkerdNamespace: string) => `${linkerdNamespace}-credentials-guard`;

/** First version of Kubernetes, 1.<this>, that has `admissionregistration.k8s.io/v1` ValidatingAdmissionPolicy. */
export const guardKubernetesMinor = 30;

const text = (value: string) => JSON.stringify(value);

/** What a request is about: by its own name, since who deletes a collection names none of its objects. */
const subject = '(request.operation == "DELETE" ? oldObject : object)';
const namespace = 'request.?namespace.orValue("")';
const fieldManager = 'request.?options.?fieldManager.orValue("")';

const isGuarded = `params.rules.exists(rule, request.resource.resource in rule.resources && ${subject}.metadata.name in rule.resourceNames)`;

/** Not of a rewrite that leaves everything as it is, such as with another key of the API server's own encryption. */
const changesSomething = `!(request.operation == "UPDATE"
  && ["data", "binaryData", "type", "immutable", "spec", "status"].all(field, dyn(object)[?field] == dyn(oldObject)[?field])
  && ["labels", "annotations", "ownerReferences", "finalizers"].all(field, dyn(object.metadata)[?field] == dyn(oldObject.metadata)[?field]))`;

const reasonIn = (object: string) =>
  `(${object} == null ? "" : ${object}.metadata.?annotations[?${text(emergencyAnnotation)}].orValue("")).trim()`;

/** The object's own word, or that of what it was before: so the annotation can be taken off again. */
const reason = `variables.written != "" ? variables.written : variables.found`;

const refusal = `variables.object + " is guarded: only cert-manager, trust-manager and Pulumi may change it, and this is " + request.userInfo.username
  + (variables.program == "" ? "" : " with " + variables.program)
  + ". Change the stack's settings, and run pulumi up. In an emergency, give a reason first, for the audit log: "
  + (request.operation == "CREATE" ? "the annotation " : "kubectl annotate " + variables.kubectl + " ")
  + ${text(`${emergencyAnnotation}='<reason>', and take it off afterwards.`)}`;

/** By its status, anyone can have a Certificate issued anew (`cmctl renew`): of an anchor, that is another root. */
const withStatus = (resource: string) =>
  resource === "certificates" ? [resource, `${resource}/status`] : [resource];

/** @param writers users and groups that may write in whichever way, besides cert-manager and trust-manager. */
export function policySpec(certManagerNamespace: string, writers: readonly string[]) {
  const free = freeWriters(certManagerNamespace, writers);
  const isFree = `([request.userInfo.username] + request.userInfo.?groups.orValue([])).exists(one, one in [${free.map(text).join(", ")}])`;
  const resources = Object.entries(guardedGroups);
  return {
    // An expression that fails refuses, but for whoever the first condition lets through: cert-manager renews whatever comes.
    failurePolicy: "Fail",
    paramKind: { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role" },
    matchConstraints: {
      resourceRules: [...new Set(Object.values(guardedGroups))].map((group) => ({
        apiGroups: [group],
        apiVersions: ["*"],
        operations: ["CREATE", "UPDATE", "DELETE"],
        resources: resources.filter(([, one]) => one === group).flatMap(([resource]) => withStatus(resource)),
      })),
    },
    matchConditions: [
      { name: "not-by-a-controller", expression: `!${isFree}` },
      {
        name: "not-by-pulumi",
        expression: `!${fieldManager}.matches(${text(`^(${pulumiFieldManagers}|${ownFieldManager})$`)})`,
      },
      { name: "guarded", expression: isGuarded },
      { name: "changes-something", expression: changesSomething },
    ],
    variables: [
      { name: "written", expression: reasonIn("object") },
      { name: "found", expression: reasonIn("oldObject") },
      { name: "reason", expression: reason },
      { name: "program", expression: fieldManager },
      {
        name: "object",
        expression: `request.kind.kind + " " + (${namespace} == "" ? "" : ${namespace} + "/") + ${subject}.metadata.name`,
      },
      {
        name: "kubectl",
        expression: `request.resource.resource + " " + ${subject}.metadata.name + (${namespace} == "" ? "" : " --namespace " + ${namespace})`,
      },
    ],
    validations: [{ expression: 'variables.reason != ""', messageExpression: refusal, reason: "Forbidden" }],
    auditAnnotations: [
      {
        key: "emergency",
        // An empty one is left out.
        valueExpression: 'variables.reason == "" ? "" : variables.object + ": " + variables.reason',
      },
    ],
  };
}

/**
 * Where it holds: in the namespaces that have guarded objects, and for what is in none.
 *
 * @param linkerd namespace of the control plane, which has the parameter.
 */
export function bindingSpec(name: string, linkerd: string, namespaces: readonly string[]) {
  return {
    policyName: name,
    // What is refused stands in the audit log as well.
    validationActions: ["Deny", "Audit"],
    // Without its parameter nothing is guarded: one that is lost locks nobody out.
    paramRef: { name, namespace: linkerd, parameterNotFoundAction: "Allow" },
    matchResources: {
      namespaceSelector: {
        matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: [...namespaces] }],
      },
    },
  };
}
