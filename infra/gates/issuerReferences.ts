/**
 * Before an Issuer or a Certificate of the stack is created or changed: says at once what it names that is not there.
 *
 * Without this, Pulumi would wait for the object to get ready for ten minutes, and say no more than that it did not.
 */
import * as pulumi from "@pulumi/pulumi";
import type { Kubectl } from "./kubectl.ts";

const issuerType = "kubernetes:cert-manager.io/v1:Issuer";
const certificateType = "kubernetes:cert-manager.io/v1:Certificate";

interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/** What is read of the inputs of an Issuer or a Certificate. */
interface Referring {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly issuerRef?: { readonly group: string; readonly kind: string; readonly name: string };
    readonly vault?: {
      readonly auth: {
        readonly tokenSecretRef?: SecretKey;
        readonly appRole?: { readonly secretRef: SecretKey };
      };
    };
  };
}

/** Makes every Issuer and Certificate in a component wait for nothing that is not there. */
export function requireReferences(kubectl: Kubectl): pulumi.ResourceTransform {
  const check = new pulumi.ResourceHook("issuer-references", async ({ newInputs }) =>
    checkReferences(kubectl, await known(newInputs)),
  );
  const hooks: pulumi.ResourceHookBinding = { beforeCreate: [check], beforeUpdate: [check] };
  return ({ type, props, opts }) =>
    type === issuerType || type === certificateType ? { props, opts: { ...opts, hooks } } : undefined;
}

function known(inputs: unknown): Promise<Referring> {
  return new Promise((done) =>
    pulumi.output(inputs as Referring).apply((object) => done(object as Referring)),
  );
}

/** @throws Error with what is missing and how to make it. */
export async function checkReferences(kubectl: Kubectl, { metadata, spec }: Referring): Promise<void> {
  const { namespace } = metadata;
  const secret = spec.vault?.auth.tokenSecretRef ?? spec.vault?.auth.appRole?.secretRef;
  if (secret !== undefined) await checkSecret(kubectl, namespace, secret);
  if (spec.issuerRef !== undefined) await checkIssuer(kubectl, namespace, spec.issuerRef);
}

async function checkSecret(kubectl: Kubectl, namespace: string, { name, key }: SecretKey): Promise<void> {
  const template = `go-template={{range $key, $_ := .data}}{{$key}}{{"\\n"}}{{end}}`;
  const make = `kubectl create secret generic -n ${namespace} ${name} --from-file=${key}=<file>`;
  const output = await ask(
    kubectl,
    ["get", "secret", "--namespace", namespace, name, "--ignore-not-found", `--output=${template}`],
    `Secret ${namespace}/${name}`,
  );
  if (output === undefined) return;
  const keys = output.split("\n").filter((line) => line !== "");
  if (keys.includes(key)) return;
  const found = keys.length === 0 ? "is not there, or is empty" : `has no key ${key}, but ${keys.join(", ")}`;
  throw new Error(
    `vaultIssuer: the Secret ${namespace}/${name} ${found}; cert-manager logs in to Vault with it. ` +
      `Make it (${make}), and run pulumi up again.`,
  );
}

async function checkIssuer(
  kubectl: Kubectl,
  namespace: string,
  { group, kind, name }: NonNullable<Referring["spec"]["issuerRef"]>,
): Promise<void> {
  const called = `${kind}.${group} ${name}`;
  const output = await ask(
    kubectl,
    ["get", `${kind}.${group}`, name, "--namespace", namespace, "--ignore-not-found", "--output=name"],
    called,
  );
  if (output === undefined || output.trim() !== "") return;
  throw new Error(
    `identityIssuerRef: the issuer ${called} is not there` +
      (kind === "Issuer" ? `, in the namespace ${namespace}` : "") +
      ". Make it, and run pulumi up again; kind and group say where it is looked for.",
  );
}

/** kubectl's output; nothing where it cannot tell, `undefined` where that is no reason to stop. */
async function ask(kubectl: Kubectl, args: string[], what: string): Promise<string | undefined> {
  try {
    return await kubectl(...args);
  } catch (error) {
    const { message } = error as Error;
    // The API server knows no such kind: then there is no such object either.
    if (/doesn't have a resource type/.test(message)) return "";
    pulumi.log.debug(`${what}: ${message}`);
    return undefined;
  }
}
