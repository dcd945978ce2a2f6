/** Runs programs against a mocked engine, and records all that they register with it. */
import * as pulumi from "@pulumi/pulumi";
import { authority, hoursFromNow } from "./certificates.ts";

/** A resource as the engine was asked to register it. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  /** Name of the resource that it is part of; empty for the topmost. */
  readonly parent: string;
  /** Its inputs; a secret one is `{ secret: <value> }`. */
  readonly inputs: Record<string, unknown>;
  readonly protect: boolean;
  /** Paths of the inputs that stay as they are once it is there. */
  readonly ignoreChanges: readonly string[];
  /** Types and names of the resources it depends on, sorted; what its inputs were made from is among them. */
  readonly dependencies: readonly string[];
  /** Name of its provider; empty for a default one. */
  readonly provider: string;
}

/** What has come of a registration. */
interface Outcome {
  readonly registration: Registration;
  readonly urn: string;
  /** URN of the resource that it is part of; empty for the topmost. */
  readonly parent: string;
  readonly isComponent: boolean;
  /** Secrets in plain text; of a component, what it has registered at its end. */
  outputs: Record<string, unknown>;
  /** URNs of the resources that each of its inputs is made from. */
  readonly madeFrom: Readonly<Record<string, readonly string[]>>;
}

export interface Recorded<Result> {
  readonly result: Result;
  readonly registrations: readonly Registration[];
  /** In the same order. */
  readonly outcomes: readonly Outcome[];
  /** The registration of that type and name; fails where there is none. */
  readonly find: (type: string, name: string) => Registration;
}

/** The parts of the engine's request that are recorded here; the SDK does not publish its type. */
interface RegisterResourceRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getProtect(): boolean;
  getIgnorechangesList(): string[];
  getDependenciesList(): string[];
  getProvider(): string;
  getCustom(): boolean;
  getPropertydependenciesMap(): { entries(): Iterable<[string, { getUrnsList(): string[] }]> };
}

interface RegisterResourceResponse {
  getObject(): { toJavaScript(): Record<string, unknown> };
}

interface RegisterOutputsRequest {
  getUrn(): string;
  getOutputs(): { toJavaScript(): Record<string, unknown> } | undefined;
}

type Callback = (error: Error | null, response: unknown) => void;

interface Monitor {
  newUrn(parent: string, type: string, name: string): string;
  registerResource(request: RegisterResourceRequest, callback: Callback): Promise<void>;
  registerResourceOutputs(request: RegisterOutputsRequest, callback: Callback): void;
  registerResourceHook(request: unknown, callback: Callback): void;
  registerErrorHook(request: unknown, callback: Callback): void;
}

/** Settings of the stack in which a program runs. */
export interface StackSettings {
  /** Text of each key, as the engine hands it over. */
  readonly config?: Readonly<Record<string, string>>;
  readonly secretKeys?: readonly string[];
}

const project = "linkerd-rotating-tls";

/** What a provider adds to a resource's inputs, in which secrets are in plain text. */
export type Compute = (type: string, name: string, inputs: Record<string, unknown>) => Promise<object>;

/**
 * Runs a program to its end, with an engine that makes everything at once, as it is asked to.
 *
 * @param compute what the providers add. Defaults to certificates that do not fit their keys.
 */
export async function record<Result>(
  program: () => Result | Promise<Result>,
  settings: StackSettings = {},
  compute: Compute = computed,
): Promise<Recorded<Result>> {
  const outcomes: Outcome[] = [];
  const newResource = async ({ type, name, inputs }: pulumi.runtime.MockResourceArgs) => ({
    id: `${name}-id`,
    state: { ...inputs, ...(await compute(type, name, plain(inputs))) },
  });
  await pulumi.runtime.setMocks({ newResource, call: () => ({}) }, project, "test", false, "organization");
  const named = (config: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key.includes(":") ? key : `${project}:${key}`, value]),
    );
  pulumi.runtime.setAllConfig(
    named(settings.config ?? {}),
    (settings.secretKeys ?? []).map((key) => `${project}:${key}`),
  );

  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  // The SDK's mock lacks these, and a program that has hooks would wait for its answer for ever.
  monitor.registerResourceHook = (_, callback) => callback(null, {});
  monitor.registerErrorHook = (_, callback) => callback(null, {});
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const registration: Registration = {
      type: request.getType(),
      name: request.getName(),
      parent: nameOf(request.getParent()),
      inputs: revealSecrets(request.getObject().toJavaScript()) as Record<string, unknown>,
      protect: request.getProtect(),
      ignoreChanges: request.getIgnorechangesList(),
      dependencies: request.getDependenciesList().map(typeAndNameOf).sort(),
      provider: nameOf(request.getProvider().replace(/::[^:]*$/, "")),
    };
    const sources = [...request.getPropertydependenciesMap().entries()];
    const outcome: Outcome = {
      registration,
      urn: monitor.newUrn(request.getParent(), request.getType(), request.getName()),
      parent: request.getParent(),
      isComponent: !request.getCustom(),
      outputs: {},
      madeFrom: Object.fromEntries(sources.map(([property, urns]) => [property, urns.getUrnsList()])),
    };
    outcomes.push(outcome);
    return register(request, (error, response) => {
      if (error === null)
        outcome.outputs = plain((response as RegisterResourceResponse).getObject().toJavaScript());
      callback(error, response);
    });
  };
  const finish = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResourceOutputs = (request, callback) => {
    const component = outcomes.find(({ urn }) => urn === request.getUrn());
    if (component !== undefined) component.outputs = plain(request.getOutputs()?.toJavaScript() ?? {});
    finish(request, callback);
  };

  const result = await program();
  await pulumi.runtime.disconnect();
  const registrations = outcomes.map(({ registration }) => registration);
  const find = (type: string, name: string) => {
    const found = registrations.find((one) => one.type === type && one.name === name);
    if (found === undefined) throw new Error(`No ${type} ${name} was registered.`);
    return found;
  };
  return { result, registrations, outcomes, find };
}

/** The value of an Output, in a mocked run. */
export function resolved<Value>(output: pulumi.Output<Value>): Promise<Value> {
  return new Promise((done) => output.apply(done));
}

export async function computed(type: string, name: string, inputs: Record<string, unknown>): Promise<object> {
  switch (type) {
    case "random:index/randomId:RandomId":
      return { hex: Buffer.from(name).toString("hex").slice(-16) };
    case "pulumi:index:Stash":
      return { output: `stashed-in-${name}` };
    case "tls:index/privateKey:PrivateKey":
      return { privateKeyPem: privateKeyOf(name) };
    case "tls:index/selfSignedCert:SelfSignedCert":
      return { certPem: await certificateOf(name, (inputs.subject as { commonName: string }).commonName) };
    case "tls:index/certRequest:CertRequest":
      return { certRequestPem: `request-of-${name}` };
    case "tls:index/locallySignedCert:LocallySignedCert":
      return { certPem: await certificateOf(name) };
    // Only read: trust-manager makes them.
    case "kubernetes:core/v1:ConfigMap": {
      const anchor = await certificateOf("linkerd-trust-anchor-certificate");
      return { data: { "tls.crt": anchor, "ca-bundle.crt": anchor } };
    }
    case "kubernetes:helm.sh/v3:Release":
      return { status: { version: inputs.version } };
    default:
      return {};
  }
}

/** The mocked key of a resource: a text that is easily found wherever it should not be. */
export function privateKeyOf(name: string): string {
  return `-----BEGIN EC PRIVATE KEY-----\nkey-of-${name}\n-----END EC PRIVATE KEY-----\n`;
}

const certificates = new Map<string, Promise<string>>();

/** The mocked certificate of a resource; the same in every run. As the real ones, it ends in a newline. */
export function certificateOf(name: string, commonName = "root.linkerd.cluster.local"): Promise<string> {
  const made =
    certificates.get(name) ??
    authority({ commonName, notAfter: hoursFromNow(87_600) }).then(({ certificate }) =>
      certificate.toString(),
    );
  certificates.set(name, made);
  return made;
}

const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** @param show how a secret is shown. */
function revealSecrets(value: unknown, show = (secret: unknown): unknown => ({ secret })): unknown {
  if (Array.isArray(value)) return value.map((item) => revealSecrets(item, show));
  if (typeof value !== "object" || value === null) return value;
  const record = value as Record<string, unknown>;
  if (record[signature] === secretSignature) return show(revealSecrets(record.value, show));
  return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, revealSecrets(item, show)]));
}

const plain = (properties: object) =>
  revealSecrets(properties, (secret) => secret) as Record<string, unknown>;

function nameOf(urn: string): string {
  return urn.split("::").at(-1)!;
}

function typeAndNameOf(urn: string): string {
  return `${urn.split("::").at(-2)!.split("$").at(-1)} ${nameOf(urn)}`;
}
