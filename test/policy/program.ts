/** The program that Pulumi runs: a mesh with the bad changes that its configuration names. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { RotatingLinkerd } from "../../components/index.ts";
import { argumentsOf } from "../../infra/config.ts";
import type { HelmValues } from "../../rules/charts/values.ts";
import { type Staging, stagings } from "./badChanges.ts";

const config = new pulumi.Config();
/** Of each, its rule and its name. */
const chosen = config
  .requireObject<readonly (readonly [rule: string, name: string])[]>("changes")
  .map(([rule, name]) => (stagings as Record<string, Record<string, Staging>>)[rule]![name]!);
const values = Object.assign({}, config.requireObject<object>("values"), ...chosen.map((one) => one.values));

for (const { change } of chosen) {
  if (change === undefined) continue;
  pulumi.runtime.registerResourceTransform(({ type, name, props, opts }) => {
    const changed = change({ type, name, properties: props });
    if (changed === undefined) return undefined;
    const { properties = props, isProtected } = changed;
    return { props: properties, opts: isProtected === undefined ? opts : { ...opts, protect: isProtected } };
  });
}

const provider = new kubernetes.Provider("kubernetes", { enableSecretMutable: true, kubeconfig: "" });
new RotatingLinkerd("linkerd", argumentsOf(values), { provider });

const kinds: Readonly<Record<string, new (name: string, args: HelmValues, opts: object) => object>> = {
  "kubernetes:core/v1:Secret": kubernetes.core.v1.Secret,
  "kubernetes:core/v1:ConfigMap": kubernetes.core.v1.ConfigMap,
};
for (const { add } of chosen) {
  if (add !== undefined) new kinds[add.type]!(add.name, add.properties, { provider });
}

/** What Pulumi takes for the stack's outputs. */
export default Object.assign({}, ...chosen.map(({ outputs }) => outputs));
