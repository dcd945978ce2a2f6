/**
 * Before an Issuer or a Certificate of the stack is created or changed: says at once which object it names does not exist.
 *
 * Without this, Pulumi would wait ten minutes for the object to get ready, and say no more than that it did not.
 */
import * as pulumi from "@pulumi/pulumi";
import type { Spelling } from "../../components/validation.ts";
import type { Cluster } from "../../mesh/cluster.ts";
import { findIssuer } from "../../mesh/issuers.ts";
import { found } from "../../mesh/requests.ts";
import { describeFindings, type Finding } from "../../rules/finding.ts";
import { broken } from "../../rules/rules.ts";
import { certManagerGroup } from "../../rules/settings/identityIssuer.ts";
import { certificateType, inputsOf, issuerType } from "./registration.ts";

type Client = Pick<Cluster, "core" | "groups" | "custom">;

interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/** What is read of the inputs of an Issuer or a Certificate. */
export interface Referring {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly issuerRef?: { readonly group: string; readonly kind: string; readonly name: string };
    readonly vault?: {
      readonly auth: {
        readonly tokenSecretRef?: SecretKey;
        readonly appRole?: { readonly secretRef: SecretKey };
        readonly kubernetes?: { readonly serviceAccountRef: object };
      };
    };
  };
}

/**
 * Refuses every Issuer and Certificate in a component that refers to what does not exist.
 *
 * @param spell puts findings into the words of the caller's own settings.
 */
export function requireReferences(
  cluster: Promise<Client>,
  installsCertManager: boolean,
  spell: Spelling,
): pulumi.ResourceTransform {
  const check = new pulumi.ResourceHook("issuer-references", async ({ newInputs }) => {
    const findings = await findMissing(cluster, await inputsOf(newInputs), installsCertManager);
    if (findings.length > 0) throw new Error(describeFindings(findings.map(spell)));
  });
  const hooks = { beforeCreate: [check], beforeUpdate: [check] };
  return ({ type, props, opts }) =>
    type === issuerType || type === certificateType
      ? { props, opts: pulumi.mergeOptions(opts, { hooks }) }
      : undefined;
}

/**
 * What is referred to and does not exist; nothing if that cannot be looked at: then cert-manager has the last word.
 *
 * Nothing either if it cannot exist yet: in a namespace that is still to be made, or before cert-manager.
 *
 * @param installsCertManager whether this stack does.
 */
export async function findMissing(
  cluster: Promise<Client>,
  { metadata: { namespace }, spec }: Referring,
  installsCertManager: boolean,
): Promise<Finding[]> {
  const secret = spec.vault?.auth.tokenSecretRef ?? spec.vault?.auth.appRole?.secretRef;
  try {
    const client = await cluster;
    const missing = await Promise.all([
      secret && missingKey(client, namespace, secret),
      spec.issuerRef && missingIssuer(client, namespace, spec.issuerRef, installsCertManager),
    ]);
    const findings = missing.filter((finding) => finding !== undefined);
    if (findings.length === 0 || spec.issuerRef?.kind === "ClusterIssuer") return findings;
    const made = await found(`Namespace ${namespace}`, client.core.readNamespace({ name: namespace }));
    return made === undefined ? [] : findings;
  } catch (error) {
    pulumi.log.debug(`Whether all that is referred to exists is not known: ${(error as Error).message}`);
    return [];
  }
}

async function missingKey(
  { core }: Client,
  namespace: string,
  { name, key }: SecretKey,
): Promise<Finding | undefined> {
  const what = `Secret ${namespace}/${name}`;
  const secret = await found(what, core.readNamespacedSecret({ name, namespace }));
  const keys = Object.keys(secret?.data ?? {});
  if (keys.includes(key)) return undefined;
  const lack =
    secret === undefined
      ? "does not exist"
      : keys.length === 0
        ? "is empty"
        : `has no key ${key}, but ${keys.join(", ")}`;
  return broken("vault-login", {
    field: "identityIssuer.vault",
    message: `${what} ${lack}; cert-manager logs in to Vault with its key ${key}.`,
    fix: `Make it (kubectl create secret generic -n ${namespace} ${name} --from-file=${key}=<file>), and run pulumi up again.`,
  });
}

async function missingIssuer(
  client: Client,
  namespace: string,
  { group, kind, name }: NonNullable<Referring["spec"]["issuerRef"]>,
  installsCertManager: boolean,
): Promise<Finding | undefined> {
  const reference = { group, kind, name };
  const { isKnown, isNamespaced, issuer } = await findIssuer(client, namespace, reference);
  if (issuer !== undefined) return undefined;
  if (!isKnown && group === certManagerGroup && installsCertManager) return undefined;
  const field = "identityIssuer.issuerRef";
  if (isKnown) {
    const place = isNamespaced ? ` in namespace ${namespace}` : "";
    const message = `The issuer ${kind}.${group} ${name} does not exist${place}.`;
    return broken("issuer-exists", { field, message });
  }
  return broken("issuer-exists", {
    field,
    message: `The cluster has no kind ${kind} in the API group ${group}.`,
    fix: "Install the issuer's definitions, or correct kind and group.",
  });
}
