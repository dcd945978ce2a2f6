/** Reads a stack's configuration: the program its own, and `check` any. */
import * as pulumi from "@pulumi/pulumi";
import { type RotatingLinkerdArgs, resolve, withSetting } from "../components/rotatingLinkerdArgs.ts";
import { requireSound, resolveSound } from "../components/validation.ts";
import type { HelmValues } from "../rules/charts/values.ts";
import { closest } from "../rules/closest.ts";
import { type Finding, verdictOf } from "../rules/finding.ts";
import { isPlainObject } from "../rules/known.ts";
import { broken } from "../rules/rules.ts";
import { checkSettings } from "../rules/settings/check.ts";
import { readTrustAnchorFiles, type TrustAnchorFiles } from "./trustAnchorFiles.ts";

export interface Configuration {
  readonly linkerd: RotatingLinkerdArgs;
  /** Path of the kubeconfig; absent: as kubectl finds it. */
  readonly kubeconfig: string | undefined;
  /** Context of the kubeconfig; absent: its current one. */
  readonly kubeContext: string | undefined;
}

/** How the text of a key becomes its value. */
interface Type<Value> {
  /** Name of the type in Pulumi.yaml. */
  readonly name: "string" | "integer" | "boolean" | "array" | "object";
  readonly description: string;
  /** `undefined` if the text is not of this type. `secret` says whether the stack keeps it encrypted. */
  readonly read: (text: string, secret: boolean) => Value | undefined;
  /** Whether the empty string, or the empty object, stands for "not set": in Pulumi.yaml every key has a default, and this is its own. */
  readonly emptyIsUnset?: true;
  /** Of a list: an item, as an example. */
  readonly item?: string | number;
  /** Whether the components need the value at once: an encrypted one, that only who can decrypt it knows, is no use then. */
  readonly neededAtOnce?: true;
}

const string: Type<string> = { name: "string", description: "a string", read: (text) => text };

/** Decides what is made, or which rules hold. */
const neededAtOnce: Type<string> = { ...string, neededAtOnce: true };

/** One of a few texts; which ones, the rules say. */
function choice<Choice extends string>(): Type<Choice> {
  return { ...neededAtOnce, read: (text) => text as Choice };
}

const optional: Type<string> = { ...string, emptyIsUnset: true };

/** Secret from here on, even if the stack's file has it in plain text. */
const password: Type<pulumi.Input<string>> = {
  ...string,
  read: (text) => pulumi.secret(text),
  emptyIsUnset: true,
};

const integer: Type<number> = {
  name: "integer",
  description: "a whole number",
  read: (text) => (/^-?\d+$/.test(text) ? Number(text) : undefined),
};

const boolean: Type<boolean> = {
  name: "boolean",
  description: "true or false",
  read: (text) => (text === "true" ? true : text === "false" ? false : undefined),
};

const integers: Type<readonly number[]> = {
  name: "array",
  description: "a list of whole numbers, such as [1]",
  item: 1,
  read: (text) => {
    const list = readJson(text);
    if (!Array.isArray(list)) return undefined;
    const numbers = list.map((item) => integer.read(String(item), false));
    return numbers.every((number) => number !== undefined) ? numbers : undefined;
  },
};

const strings: Type<readonly string[]> = {
  name: "array",
  description: 'a list of names, such as ["admin"]',
  item: "admin",
  read: (text) => {
    const list = readJson(text);
    return Array.isArray(list) && list.every((item) => typeof item === "string") ? list : undefined;
  },
};

const helmValues: Type<HelmValues> = {
  name: "object",
  description: "an object of Helm values",
  read: (text, secret) => {
    const values = readJson(text);
    if (!isPlainObject(values)) return undefined;
    return secret ? secretLeaves(values) : values;
  },
};

/** An object of strings, nested; the component checks its parts. `{}` stands for "not set". */
function parts<Settings>(description: string): Type<Settings> {
  const read = helmValues.read as Type<Settings>["read"];
  return { ...helmValues, description, read, emptyIsUnset: true };
}

/** Its certificates are public, and checked before anything is applied; its keys become secrets when they are used. */
const anchors: Type<TrustAnchorFiles> = {
  ...parts("an object of anchors by their generation"),
  read: (text) => helmValues.read(text, false) as TrustAnchorFiles | undefined,
};

/** The arguments of the component, each by its path, such as `trustDomain` or `controlPlane.namespace`. */
type ArgumentAt<Path extends string> = Path extends `${infer Group}.${infer Name}`
  ? Group extends keyof RotatingLinkerdArgs
    ? Name extends keyof NonNullable<RotatingLinkerdArgs[Group]>
      ? NonNullable<RotatingLinkerdArgs[Group]>[Name]
      : never
    : never
  : Path extends keyof RotatingLinkerdArgs
    ? RotatingLinkerdArgs[Path]
    : never;

interface Row extends Type<unknown> {
  /** Path of the argument that it sets. */
  readonly path: string;
}

const sets = <Path extends string>(path: Path, type: Type<Exclude<ArgumentAt<Path>, undefined>>): Row => ({
  ...type,
  path,
});

/** Every key of the component's, as Pulumi.yaml declares it, and the argument that it sets. */
const argumentRows: Readonly<Record<string, Row>> = {
  linkerdNamespace: sets("controlPlane.namespace", string),
  createLinkerdNamespace: sets("controlPlane.createNamespace", boolean),
  clusterDomain: sets("clusterDomain", string),
  trustDomain: sets("trustDomain", optional),
  trustAnchorSource: sets("trustAnchor.source", choice()),
  clusterTrustAnchorDuration: sets("trustAnchor.duration", string),
  clusterTrustAnchorRenewBefore: sets("trustAnchor.renewBefore", string),
  trustAnchorGenerations: sets("trustAnchor.generations", integers),
  signingGeneration: sets("trustAnchor.signing", integer),
  crossSignTrustAnchors: sets("trustAnchor.crossSign", boolean),
  distrustedTrustAnchors: sets("trustAnchor.distrusted", integers),
  trustAnchorRotationAllowance: sets("trustAnchor.rotationAllowance", string),
  trustAnchorValidityPeriodHours: sets("trustAnchor.validityPeriodHours", integer),
  trustAnchorWarnBefore: sets("trustAnchor.warnBefore", string),
  // Its files are read before it is one of the arguments.
  providedTrustAnchors: { ...anchors, path: "trustAnchor.provided" },
  protectTrustAnchors: sets("trustAnchor.protect", boolean),
  issuerDuration: sets("identityIssuer.duration", string),
  issuerRenewBefore: sets("identityIssuer.renewBefore", string),
  identityIssuerSource: sets("identityIssuer.source", choice()),
  identityIssuerRef: sets("identityIssuer.issuerRef", parts("an object with the name of an issuer")),
  vaultIssuer: sets("identityIssuer.vault", parts("an object with server, path and auth")),
  issuanceLifetime: sets("identityIssuer.issuanceLifetime", string),
  clockSkewAllowance: sets("identityIssuer.clockSkewAllowance", string),
  rotateWebhookCredentials: sets("webhooks.rotateCredentials", boolean),
  webhookCertificateDuration: sets("webhooks.certificateDuration", string),
  webhookCertificateRenewBefore: sets("webhooks.certificateRenewBefore", string),
  installCertManager: sets("certManager.install", boolean),
  certManagerNamespace: sets("certManager.namespace", string),
  createCertManagerNamespace: sets("certManager.createNamespace", boolean),
  keepCertManagerCrds: sets("certManager.keepCrds", boolean),
  certManagerChart: sets("certManager.chart", neededAtOnce),
  certManagerChartVersion: sets("certManager.chartVersion", string),
  certManagerChartRepository: sets("certManager.chartRepository", string),
  certManagerChartRepositoryUsername: sets("certManager.chartRepositoryUsername", optional),
  certManagerChartRepositoryPassword: sets("certManager.chartRepositoryPassword", password),
  certManagerValues: sets("certManager.values", helmValues),
  installTrustManager: sets("trustManager.install", boolean),
  trustManagerChart: sets("trustManager.chart", neededAtOnce),
  trustManagerChartVersion: sets("trustManager.chartVersion", string),
  trustManagerValues: sets("trustManager.values", helmValues),
  linkerdChartRepository: sets("controlPlane.chartRepository", string),
  linkerdChartRepositoryUsername: sets("controlPlane.chartRepositoryUsername", optional),
  linkerdChartRepositoryPassword: sets("controlPlane.chartRepositoryPassword", password),
  linkerdCrdsChart: sets("crds.chart", neededAtOnce),
  linkerdCrdsChartVersion: sets("crds.chartVersion", string),
  linkerdCrdsValues: sets("crds.values", helmValues),
  installGatewayApi: sets("crds.installGatewayApi", boolean),
  linkerdControlPlaneChart: sets("controlPlane.chart", neededAtOnce),
  linkerdControlPlaneChartVersion: sets("controlPlane.chartVersion", neededAtOnce),
  highAvailability: sets("controlPlane.highAvailability", boolean),
  linkerdControlPlaneValues: sets("controlPlane.values", helmValues),
  installLinkerdCni: sets("cni.install", boolean),
  linkerdCniNamespace: sets("cni.namespace", string),
  createLinkerdCniNamespace: sets("cni.createNamespace", boolean),
  linkerdCniChart: sets("cni.chart", neededAtOnce),
  linkerdCniChartVersion: sets("cni.chartVersion", neededAtOnce),
  linkerdCniValues: sets("cni.values", helmValues),
  installLinkerdViz: sets("viz.install", boolean),
  linkerdVizNamespace: sets("viz.namespace", string),
  createLinkerdVizNamespace: sets("viz.createNamespace", boolean),
  linkerdVizChart: sets("viz.chart", neededAtOnce),
  linkerdVizChartVersion: sets("viz.chartVersion", string),
  linkerdVizValues: sets("viz.values", helmValues),
  guardCredentials: sets("guard.install", boolean),
  credentialWriters: sets("guard.writers", strings),
  installAlerts: sets("alerts.install", boolean),
  alertLabels: sets("alerts.labels", parts("an object of labels")),
  helmTimeoutSeconds: sets("helmTimeoutSeconds", integer),
};

export const types: Readonly<Record<string, Type<unknown>>> = {
  ...argumentRows,
  kubeconfig: optional,
  kubeContext: optional,
};

/** The component's arguments, from values by their keys. */
export function argumentsOf(values: Readonly<Record<string, unknown>>): RotatingLinkerdArgs {
  return Object.entries(values).reduce<RotatingLinkerdArgs>(
    (args, [key, value]) => withSetting(args, argumentRows[key]!.path, value),
    {},
  );
}

const keyOf = new Map(Object.entries(argumentRows).map(([key, { path }]) => [path, key]));
const paths = [...keyOf.keys()].sort((left, right) => right.length - left.length);
const anyPath = new RegExp(`(?<![\\w.-])(${paths.join("|").replaceAll(".", "\\.")})(?!\\w)`, "g");

/** A text about arguments, in the words of a stack's configuration. */
export function withKeys(text: string): string {
  return text.replace(anyPath, (path) => keyOf.get(path)!);
}

/** A finding about arguments, in the words of a stack's configuration. */
export function inConfiguration(finding: Finding): Finding {
  const { field, message, fix } = finding;
  return { ...finding, field: withKeys(field), message: withKeys(message), fix: withKeys(fix) };
}

export interface StackText {
  readonly project: string;
  /** Text of each full key, such as `linkerd-rotating-tls:trustDomain`; `undefined` if it is encrypted, and not known. */
  readonly texts: Readonly<Record<string, string | undefined>>;
  /** Whether the stack keeps a full key encrypted, in whole or in part. */
  readonly isSecret: (fullKey: string) => boolean;
  /**
   * Whether a full key is a text where the project declares a list or an object, or the other way round: the engine refuses
   * such a stack before the program starts. Absent: it has looked already.
   */
  readonly hasOtherShape?: (fullKey: string) => boolean;
}

/**
 * The configuration of the stack that is being deployed.
 *
 * @throws pulumi.RunError with all that is wrong with it: unknown keys, wrong types, and values that cannot be.
 */
export function readConfiguration(): Configuration {
  const { configuration, findings } = parse({
    project: pulumi.getProject(),
    texts: pulumi.runtime.allConfig(),
    // The SDK exports this without its type.
    isSecret: (pulumi.runtime as unknown as { isConfigSecret(key: string): boolean }).isConfigSecret,
  });
  const isRefused = verdictOf(findings) === "error";
  requireSound(isRefused ? withSettingFindings(findings, configuration) : findings);
  resolveSound(configuration.linkerd, inConfiguration);
  return configuration;
}

/** A stack's configuration, and what is wrong with it. */
interface Parsed {
  readonly configuration: Configuration;
  readonly findings: readonly Finding[];
}

/** Finds all that is wrong at a time: unknown keys, wrong types, and values that cannot be. */
export function configurationOf(stack: StackText, now = new Date()): Parsed {
  const { configuration, findings } = parse(stack);
  return { configuration, findings: withSettingFindings(findings, configuration, now) };
}

/** Broken where a value could not be read, for which its default stands. */
const unreadRules = ["setting-type", "setting-encrypted", "setting-parts", "file-readable", "file-size"];

/** Adds what is wrong with the values; what speaks of one that could not be read would be the same mistake once more. */
function withSettingFindings(
  told: readonly Finding[],
  { linkerd }: Configuration,
  now?: Date,
): readonly Finding[] {
  // Of an anchor's file, all of the anchor.
  const unread = told
    .filter(({ rule }) => unreadRules.includes(rule))
    .map(({ field }) => field.replace(/\.[^.]*$/, "").replace(/\W/g, "\\$&"))
    .map((name) => new RegExp(`\\b${name}\\b`));
  const isFollowUp = ({ field, message, fix }: Finding) =>
    unread.some((name) => name.test(`${field} ${message} ${fix}`));
  const found = checkSettings(resolve(linkerd), now).map(inConfiguration);
  return [...told, ...found.filter((finding) => !isFollowUp(finding))];
}

/** Finds what is wrong with how the stack says it. */
function parse(stack: StackText): Parsed {
  const findings: Finding[] = [];
  const { kubeconfig, kubeContext, ...values } = readValues(stack, findings);
  if (values.providedTrustAnchors !== undefined) {
    const files = values.providedTrustAnchors as TrustAnchorFiles;
    values.providedTrustAnchors = readTrustAnchorFiles(files, findings);
  }
  if (typeof kubeconfig === "string" && kubeconfig.includes("\n")) {
    findings.push(
      broken("kubeconfig-path", {
        field: "kubeconfig",
        message: "This is the text of a kubeconfig, whose credentials would be kept in Pulumi's state.",
        fix: "Write it to a file, and set kubeconfig to the file's path.",
      }),
    );
  }
  return {
    configuration: {
      linkerd: argumentsOf(values),
      kubeconfig: kubeconfig as string | undefined,
      kubeContext: kubeContext as string | undefined,
    },
    findings,
  };
}

function readValues(stack: StackText, findings: Finding[]): Record<string, unknown> {
  const { project, texts, isSecret, hasOtherShape = () => false } = stack;
  const values: Record<string, unknown> = {};
  for (const [fullKey, text] of Object.entries(texts)) {
    const key = fullKey.slice(fullKey.indexOf(":") + 1);
    if (fullKey.startsWith("kubernetes:")) findings.push(kubernetesKey(fullKey, key));
    if (fullKey !== `${project}:${key}`) continue;
    if (!Object.hasOwn(types, key)) {
      findings.push(unknownKey(key === "" ? fullKey : key));
      continue;
    }
    const type = types[key]!;
    if (hasOtherShape(fullKey)) {
      findings.push(otherShape(key, isSecret(fullKey) ? undefined : text, type));
      continue;
    }
    if (text === undefined) {
      if (type.name !== "string" || type.neededAtOnce) findings.push(encrypted(key));
      else values[key] = unknownSecret();
      continue;
    }
    if (["", "{}"].includes(text) && type.emptyIsUnset) continue;
    const secret = isSecret(fullKey);
    const value = type.read(text, secret);
    if (value === undefined) findings.push(wrongType(key, secret ? "Its value" : `"${text}"`, type));
    else values[key] = value;
  }
  return values;
}

function unknownKey(key: string): Finding {
  const near = closest(key, Object.keys(types));
  return broken("setting-name", {
    field: key,
    message: "There is no such setting.",
    fix:
      near === undefined
        ? `Remove it: pulumi config rm ${key}. Pulumi.yaml lists all settings.`
        : `Did you mean ${near}? Remove it: pulumi config rm ${key}`,
  });
}

function encrypted(key: string): Finding {
  return broken("setting-encrypted", {
    field: key,
    message: "This is encrypted and cannot be read here: neither it nor what depends on it is checked.",
    fix: "Check the stack where it can be decrypted, with --stack; or keep it in plain text if it is no secret.",
  });
}

function wrongType(key: string, value: string, type: Type<unknown>): Finding {
  return broken("setting-type", {
    field: key,
    message: `${value} is not ${type.description}.`,
    fix:
      type.name === "array"
        ? setByPath(key, undefined, type)
        : "Pulumi.yaml has its type, its meaning and its default.",
  });
}

function otherShape(key: string, text: string | undefined, type: Type<unknown>): Finding {
  const isText = type.name === "array" || type.name === "object";
  const shown = text === undefined ? "Its value" : isText ? `"${text}"` : text;
  return broken("setting-type", {
    field: key,
    message: `${shown} is ${isText ? "a text" : "a list or an object"}, and Pulumi refuses a stack in which this is not ${type.description}.`,
    fix: isText ? setByPath(key, text, type) : `Set it to a text: pulumi config set ${key} <value>`,
  });
}

/** How to set a list or an object, which `pulumi config set` without `--path` makes a text. */
function setByPath(key: string, text: string | undefined, { name, read, item }: Type<unknown>): string {
  if (name === "object") {
    return `Set each of its parts by its path: pulumi config set --path '${key}.<part>' <value>. To set nothing: pulumi config rm ${key}`;
  }
  const items = (text === undefined ? undefined : (read(text, false) as readonly unknown[] | undefined)) ?? [
    item,
  ];
  const commands = items.map(
    (one, place) =>
      `pulumi config set --path '${key}[${place}]' ${typeof one === "string" ? `'${one}'` : one}`,
  );
  return `Set each of its ${typeof item}s by its place: ${commands.join(" && ")}`;
}

/** Such keys set the provider that a program gets by itself; here it is made from this project's own keys. */
function kubernetesKey(fullKey: string, key: string): Finding {
  const own = { context: "kubeContext", kubeconfig: "kubeconfig" }[key];
  return broken("provider-setting", {
    field: fullKey,
    message: "This setting would have no effect: this program makes its own Kubernetes provider.",
    fix: own === undefined ? `Remove it: pulumi config rm ${fullKey}` : `Remove it, and set ${own} instead.`,
  });
}

/** What is only known to who can decrypt it: checks pass it by, as they do with what only the engine will know. */
function unknownSecret(): pulumi.Output<string> {
  return pulumi.secret(pulumi.output(new Promise<string>(() => {})));
}

/** The engine does not say which part of an object is secret, so all of it is. */
function secretLeaves(values: HelmValues): HelmValues {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      isPlainObject(value) ? secretLeaves(value) : pulumi.secret(value),
    ]),
  );
}

/** What stands in a {@link StackText} for an encrypted leaf of an object: no value that anyone sets. */
export const encryptedLeaf = "\0encrypted";

/** Reads JSON, in which a leaf may be encrypted, and not known. */
function readJson(text: string): unknown {
  const decode = (_key: string, value: unknown) => (value === encryptedLeaf ? unknownSecret() : value);
  try {
    return JSON.parse(text, decode);
  } catch {
    return undefined;
  }
}
