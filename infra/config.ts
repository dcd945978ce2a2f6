/** Reads a stack's configuration: the program its own, and `npm run -s check` any. */
import * as pulumi from "@pulumi/pulumi";
import type { IdentityIssuerRef } from "../components/issuerSource.ts";
import { checkRotatingLinkerd, type RotatingLinkerdArgs } from "../components/rotatingLinkerd.ts";
import { plain, requireSound } from "../components/settings.ts";
import type { VaultIssuerSettings } from "../components/vaultIssuer.ts";
import type { HelmValues } from "../rules/charts/values.ts";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import { closest } from "./closest.ts";
import { readTrustAnchorFiles, type TrustAnchorFiles } from "./trustAnchorFiles.ts";

/** Everything that a stack can set. */
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
  /** `undefined` where the text is not of this type. `secret` says whether the stack keeps it encrypted. */
  readonly read: (text: string, secret: boolean) => Value | undefined;
  /** Whether the empty string, or the empty object, stands for "not set": in Pulumi.yaml every key has a default, and this is its own. */
  readonly emptyIsUnset?: true;
  /** Whether the components need the value at once: an encrypted one, that only who can decrypt it knows, is no use then. */
  readonly neededAtOnce?: true;
}

const string: Type<string> = { name: "string", description: "a string", read: (text) => text };

/** Decides what is made, or which rules hold. */
const choice: Type<string> = { ...string, neededAtOnce: true };

const optional: Type<string> = { ...string, emptyIsUnset: true };

/** Secret from here on, even where the stack's file has it in the clear. */
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
  read: (text) => {
    const list = readJson(text);
    if (!Array.isArray(list)) return undefined;
    const numbers = list.map((item) => integer.read(String(item), false));
    return numbers.every((number) => number !== undefined) ? numbers : undefined;
  },
};

const helmValues: Type<HelmValues> = {
  name: "object",
  description: "an object of Helm values",
  read: (text, secret) => {
    const values = readJson(text);
    if (!isObject(values)) return undefined;
    return secret ? secretLeaves(values) : values;
  },
};

/** An object of strings, nested; the component checks its parts. `{}` stands for "not set". */
function parts<Settings>(description: string): Type<Settings> {
  return {
    name: "object",
    description,
    read: (text, secret) => helmValues.read(text, secret) as Settings | undefined,
    emptyIsUnset: true,
  };
}

/** Its certificates are public, and checked before anything is applied; its keys become secrets where they are used. */
const anchors: Type<TrustAnchorFiles> = {
  name: "object",
  description: "an object of anchors by their generation",
  read: (text) => {
    const values = readJson(text);
    return isObject(values) ? (values as TrustAnchorFiles) : undefined;
  },
  emptyIsUnset: true,
};

/** Every key, as Pulumi.yaml declares it. All but the last two are settings of {@link RotatingLinkerdArgs}. */
export const types = {
  linkerdNamespace: string,
  clusterDomain: string,
  trustDomain: optional,
  trustAnchorSource: choice,
  clusterTrustAnchorDuration: string,
  clusterTrustAnchorRenewBefore: string,
  trustAnchorGenerations: integers,
  signingGeneration: integer,
  trustAnchorValidityPeriodHours: integer,
  providedTrustAnchors: anchors,
  protectTrustAnchors: boolean,
  issuerDuration: string,
  issuerRenewBefore: string,
  identityIssuerSource: choice,
  identityIssuerRef: parts<IdentityIssuerRef>("an object with the name of an issuer"),
  vaultIssuer: parts<VaultIssuerSettings>("an object with server, path and auth"),
  issuanceLifetime: string,
  clockSkewAllowance: string,
  rotateWebhookCredentials: boolean,
  webhookCertificateDuration: string,
  webhookCertificateRenewBefore: string,
  installCertManager: boolean,
  certManagerNamespace: string,
  keepCertManagerCrds: boolean,
  certManagerChart: choice,
  certManagerChartVersion: string,
  certManagerChartRepository: string,
  certManagerChartRepositoryUsername: optional,
  certManagerChartRepositoryPassword: password,
  certManagerValues: helmValues,
  installTrustManager: boolean,
  trustManagerChart: choice,
  trustManagerChartVersion: string,
  trustManagerValues: helmValues,
  linkerdChartRepository: string,
  linkerdChartRepositoryUsername: optional,
  linkerdChartRepositoryPassword: password,
  linkerdCrdsChart: choice,
  linkerdCrdsChartVersion: string,
  linkerdCrdsValues: helmValues,
  installGatewayApi: boolean,
  linkerdControlPlaneChart: choice,
  linkerdControlPlaneChartVersion: choice,
  highAvailability: boolean,
  linkerdControlPlaneValues: helmValues,
  installLinkerdCni: boolean,
  linkerdCniNamespace: string,
  linkerdCniChart: choice,
  linkerdCniChartVersion: choice,
  linkerdCniValues: helmValues,
  installLinkerdViz: boolean,
  linkerdVizNamespace: string,
  linkerdVizChart: string,
  linkerdVizChartVersion: string,
  linkerdVizValues: helmValues,
  helmTimeoutSeconds: integer,
  kubeconfig: optional,
  kubeContext: optional,
} satisfies Record<string, Type<unknown>>;

type Key = keyof typeof types;
type Values = { [Name in Key]?: Exclude<ReturnType<(typeof types)[Name]["read"]>, undefined> };

/** What a stack sets. */
export interface StackText {
  readonly project: string;
  /** Text of each full key, such as `linkerd-rotating-tls:trustDomain`; `undefined` where it is encrypted, and not known. */
  readonly texts: Readonly<Record<string, string | undefined>>;
  /** Whether the stack keeps a full key encrypted, in whole or in part. */
  readonly isSecret: (fullKey: string) => boolean;
}

/**
 * The configuration of the stack that is being deployed.
 *
 * @throws pulumi.RunError with all that is wrong with it: unknown keys, wrong types, and values that cannot be.
 */
export function readConfiguration(): Configuration {
  const { configuration, findings } = configurationOf({
    project: pulumi.getProject(),
    texts: pulumi.runtime.allConfig(),
    // The SDK exports this without its type.
    isSecret: (pulumi.runtime as unknown as { isConfigSecret(key: string): boolean }).isConfigSecret,
  });
  requireSound(findings);
  return configuration;
}

/** A stack's configuration, and all that is wrong with it: unknown keys, wrong types, and values that cannot be. */
export function configurationOf(stack: StackText): {
  readonly configuration: Configuration;
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const { kubeconfig, kubeContext, providedTrustAnchors: files, ...settings } = readValues(stack, findings);
  const linkerd =
    files === undefined
      ? settings
      : { ...settings, providedTrustAnchors: readTrustAnchorFiles(files, findings) };
  if (plain(kubeconfig)?.includes("\n")) {
    findings.push(
      broken("kubeconfig-path", {
        field: "kubeconfig",
        message: "It is the text of a kubeconfig, whose credentials would be kept in Pulumi's state.",
        fix: "Write it to a file, and set kubeconfig to the file's path.",
      }),
    );
  }
  findings.push(...checkRotatingLinkerd(linkerd));
  return { configuration: { linkerd, kubeconfig, kubeContext }, findings };
}

function readValues({ project, texts, isSecret }: StackText, findings: Finding[]): Values {
  const values: Record<string, unknown> = {};
  for (const [fullKey, text] of Object.entries(texts)) {
    const key = fullKey.slice(fullKey.indexOf(":") + 1);
    if (fullKey.startsWith("kubernetes:")) findings.push(kubernetesKey(fullKey, key));
    if (fullKey !== `${project}:${key}`) continue;
    if (!Object.hasOwn(types, key)) {
      findings.push(unknownKey(key === "" ? fullKey : key));
      continue;
    }
    const type: Type<unknown> = types[key as Key];
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
    message: "It is encrypted, and other settings are judged by it: it is taken for not set.",
    fix: "Check the stack where it can be decrypted, with --stack; or keep it in the clear, where it is no secret.",
  });
}

function wrongType(key: string, value: string, type: Type<unknown>): Finding {
  return broken("setting-type", {
    field: key,
    message: `${value} is not ${type.description}.`,
    fix: "Pulumi.yaml has its type, its meaning and its default.",
  });
}

/** Such keys set the provider that a program gets by itself; here it is made from this project's own keys. */
function kubernetesKey(fullKey: string, key: string): Finding {
  const own = { context: "kubeContext", kubeconfig: "kubeconfig" }[key];
  return broken("provider-setting", {
    field: fullKey,
    message: "It would have no effect: this program makes its own Kubernetes provider.",
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
      isObject(value) ? secretLeaves(value) : pulumi.secret(value),
    ]),
  );
}

function isObject(value: unknown): value is HelmValues {
  const isKnown = !pulumi.Output.isInstance(value);
  return isKnown && typeof value === "object" && value !== null && !Array.isArray(value);
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
