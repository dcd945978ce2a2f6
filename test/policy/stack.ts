/** Stacks as the policy pack sees them: what the program registers, with credentials that fit each other. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import { RotatingLinkerd } from "../../components/index.ts";
import { argumentsOf } from "../../infra/config.ts";
import { type Guardrail, type GuardrailName, guardrails, standardSettings } from "../../policy/guardrails.ts";
import type { Refusal, Resource, RuleSettings } from "../../policy/resource.ts";
import { authority, type Fabricated, hoursFromNow, now } from "../certificates.ts";
import type { Values } from "../configured.ts";
import { type Compute, computed, record } from "../registrations.ts";
import type { Registering, Staging } from "./badChanges.ts";

/** What the program registers with these settings, with a bad change if there is one: at a first run, when it is done. */
export async function stackOf(values: Values, staging: Staging = {}): Promise<Resource[]> {
  const { change = () => undefined, add, outputs, state = (stack) => [...stack] } = staging;
  const { outcomes } = await record(
    () => {
      const provider = new kubernetes.Provider("kubernetes", { enableSecretMutable: true });
      return new RotatingLinkerd("linkerd", argumentsOf({ ...values, ...staging.values }), { provider });
    },
    {},
    async (type, name, inputs) => {
      const { properties = inputs } = change({ type, name, properties: inputs }) ?? {};
      return { ...properties, ...(await compute(type, name, { ...properties })) };
    },
  );
  const outputsOf = (provider: string) =>
    outcomes.find(({ registration }) => registration.name === provider)?.outputs ?? {};
  const resources = outcomes.map(({ registration, urn, parent, madeFrom, isComponent, ...outcome }) => {
    const { type, name, protect, provider } = registration;
    const { isProtected = protect } = change({ type, name, properties: {} }) ?? {};
    const told = { urn, type, name, properties: outcome.outputs, isProtected, madeFrom };
    return { ...told, parent: parent || undefined, ...(!isComponent && { provider: outputsOf(provider) }) };
  });
  const beside = (one: Registering) => ({ ...one, urn: one.name, isProtected: false, madeFrom: {} });
  return state([
    ...resources,
    ...(add === undefined ? [] : [{ ...beside(add), provider: outputsOf("kubernetes") }]),
    ...(outputs === undefined
      ? []
      : [beside({ type: "pulumi:pulumi:Stack", name: "dev", properties: outputs })]),
  ]);
}

const keys = new Map<string, string>();

/** The key of a resource; the same in every run. */
function keyOf(name: string): string {
  const made =
    keys.get(name) ??
    generateKeyPairSync("ec", { namedCurve: "P-256" })
      .privateKey.export({ format: "pem", type: "pkcs8" })
      .toString();
  keys.set(name, made);
  return made;
}

const p256 = { name: "ECDSA", namedCurve: "P-256" };
const pairOf = (pem: string) => ({
  privateKey: createPrivateKey(pem).toCryptoKey(p256, true, ["sign"]),
  publicKey: createPublicKey(pem).toCryptoKey(p256, true, ["verify"]),
});

const certificates = new Map<string, Promise<Fabricated>>();

/** Made once for each text that tells what it is. */
function once(told: string, make: () => Promise<Fabricated>): Promise<Fabricated> {
  const made = certificates.get(told) ?? make();
  certificates.set(told, made);
  return made;
}

/** What the providers add. */
const compute: Compute = async (type, name, inputs) => {
  const { subject, privateKeyPem, validityPeriodHours } = inputs as unknown as Record<string, string> & {
    subject: { commonName: string };
    validityPeriodHours: number;
  };
  switch (type) {
    case "tls:index/privateKey:PrivateKey":
      return { privateKeyPem: keyOf(name), publicKeyPem: `public key of ${name}` };
    case "tls:index/selfSignedCert:SelfSignedCert": {
      const { commonName } = subject;
      const notAfter = hoursFromNow(validityPeriodHours);
      const root = await once(`${name} ${validityPeriodHours}`, () =>
        authority({ commonName, keys: pairOf(privateKeyPem!), notBefore: now, notAfter }),
      );
      return { certPem: root.certificate.toString() };
    }
    case "tls:index/certRequest:CertRequest":
      return { certRequestPem: JSON.stringify({ ...subject, privateKeyPem }) };
    case "tls:index/locallySignedCert:LocallySignedCert": {
      const { certRequestPem, caCertPem, caPrivateKeyPem } = inputs as Record<string, string>;
      const request = JSON.parse(certRequestPem!);
      const cross = await authority({
        commonName: request.commonName,
        keys: pairOf(request.privateKeyPem),
        signer: {
          certificate: new X509Certificate(caCertPem!),
          privateKey: pairOf(caPrivateKeyPem!).privateKey,
        },
        notBefore: now,
        notAfter: hoursFromNow(validityPeriodHours),
      });
      return { certPem: cross.certificate.toString() };
    }
    default:
      return computed(type, name, inputs);
  }
};

/** What every rule of the pack, or one, refuses in a stack. */
export function refusals(
  stack: readonly Resource[],
  only?: GuardrailName,
  settings: RuleSettings = standardSettings,
): (Refusal & { readonly rule: string })[] {
  return Object.entries<Guardrail>(guardrails)
    .filter(([rule]) => only === undefined || rule === only)
    .flatMap(([rule, { resource, stack: ofStack }]) => {
      const found =
        resource === undefined ? ofStack(stack, settings, now) : stack.flatMap((one) => [...resource(one)]);
      return [...found].map((refusal) => ({ rule, ...refusal }));
    });
}
