/** Checks a stack's configuration as the program would, without running it. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { parse } from "yaml";
import { defaultClockSkewAllowance, defaultIssuanceLifetime } from "../../components/identityIssuer.ts";
import { trustDomainOf } from "../../components/linkerdControlPlane.ts";
import {
  defaultLinkerdNamespace,
  defaultTrustAnchorGenerations,
  type RotatingLinkerdArgs,
} from "../../components/rotatingLinkerd.ts";
import { plain } from "../../components/settings.ts";
import { configurationOf, encryptedLeaf, type StackText } from "../../infra/config.ts";
import { joinBundle } from "../../rules/credentials/bundle.ts";
import type { Purpose } from "../../rules/credentials/credentials.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { broken } from "../../rules/rules.ts";
import { isMap, readStackYaml } from "./stackYaml.ts";

/** What is wrong with a stack's configuration, and where and how to look at its cluster. */
export interface CheckedStack {
  readonly findings: readonly Finding[];
  readonly kubeconfig?: string | undefined;
  readonly kubeContext?: string | undefined;
  readonly linkerdNamespace?: string | undefined;
  /** Absent where a part of it is encrypted. */
  readonly purpose?: Omit<Purpose, "now">;
  /** The mesh's anchors, where every one of them is provided, and sound; else the cluster alone has them. */
  readonly bundle?: PemText | undefined;
}

/** Checks what a stack sets. */
export function checkStack(stack: StackText): CheckedStack {
  const { configuration, findings } = configurationOf(stack);
  const { linkerd, kubeconfig, kubeContext } = configuration;
  const [trustDomain, issuanceLifetime, clockSkewAllowance] = [
    plain(trustDomainOf(linkerd)),
    plain(linkerd.issuanceLifetime ?? defaultIssuanceLifetime),
    plain(linkerd.clockSkewAllowance ?? defaultClockSkewAllowance),
  ];
  return {
    findings,
    kubeconfig: plain(kubeconfig),
    kubeContext: plain(kubeContext),
    linkerdNamespace: plain(linkerd.linkerdNamespace ?? defaultLinkerdNamespace),
    bundle: verdictOf(findings) === "error" ? undefined : providedBundle(linkerd),
    ...(trustDomain === undefined || issuanceLifetime === undefined || clockSkewAllowance === undefined
      ? {}
      : { purpose: { trustDomain, issuanceLifetime, clockSkewAllowance } }),
  };
}

/** The bundle as the program makes it. */
function providedBundle({
  trustAnchorGenerations = defaultTrustAnchorGenerations,
  providedTrustAnchors = {},
}: RotatingLinkerdArgs): PemText | undefined {
  const certificates = trustAnchorGenerations.map((generation) =>
    plain(providedTrustAnchors[generation]?.certificatePem),
  );
  return certificates.every((pem) => pem !== undefined)
    ? { field: "providedTrustAnchors", text: joinBundle(certificates) }
    : undefined;
}

/** What a stack sets, decrypted; the selected one where there is no name. */
export async function readStack(name: string | undefined): Promise<StackText | Finding> {
  const stack = name === undefined ? [] : ["--stack", name];
  try {
    const { stdout } = await promisify(execFile)(
      "pulumi",
      ["config", "--json", "--show-secrets", "--non-interactive", ...stack],
      { maxBuffer: 64 * 1024 * 1024 },
    );
    const values = JSON.parse(stdout) as Readonly<Record<string, { value?: string; secret?: boolean }>>;
    const { project, defaults } = readProject();
    const texts = Object.fromEntries(Object.entries(values).map(([key, { value }]) => [key, value]));
    return { project, texts: { ...defaults, ...texts }, isSecret: (key) => values[key]?.secret === true };
  } catch (error) {
    const { code, stderr, message } = error as Error & { code?: unknown; stderr?: string };
    const field = name === undefined ? "--stack" : `--stack ${name}`;
    if (code === "ENOENT") {
      return unreadable(
        field,
        "pulumi is not on PATH, by which a stack's configuration is read.",
        "Install it; for the sandbox's stack: eval \"$(npm run -s sandbox -- env)\". Or give the stack's file: --config.",
      );
    }
    return unreadable(
      field,
      `pulumi config cannot read it: ${(stderr || message).trim().replace(/^error: /, "")}`,
      "Select a stack, or name one with --stack; its passphrase or login must be there as for pulumi up. Or give its file: --config.",
    );
  }
}

/** What a stack's file sets; what is encrypted in it stays unknown. */
export function readStackFile(path: string): StackText | Finding {
  let set: Readonly<Record<string, unknown>> | undefined;
  let declared: ReturnType<typeof readProject>;
  try {
    set = readStackYaml(readFileSync(path, "utf8"));
    declared = readProject();
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    return unreadable(
      "--config",
      `It cannot be read: ${reason}`,
      "Give a stack's file, such as Pulumi.dev.yaml.",
    );
  }
  if (set === undefined) {
    return unreadable(
      "--config",
      "It is not a map with config: in it.",
      "Give a stack's file, such as Pulumi.dev.yaml.",
    );
  }
  const { project, defaults } = declared;
  const texts = Object.entries(set).map(([key, value]) => [
    key.includes(":") ? key : `${project}:${key}`,
    textOf(value),
  ]);
  return { project, texts: { ...defaults, ...Object.fromEntries(texts) }, isSecret: () => false };
}

/** The name of the project in this folder, and the defaults of its keys, for what a stack does not set. */
function readProject() {
  const { name, config = {} } = parse(readFileSync("Pulumi.yaml", "utf8")) as {
    name: string;
    config?: Readonly<Record<string, { default?: unknown }>>;
  };
  // `pulumi new` adds keys of the engine's own.
  const own = Object.entries(config).filter(([key]) => !key.includes(":"));
  const defaults = own.map(([key, declared]) => [`${name}:${key}`, textOf(declared.default)]);
  return { project: name, defaults: Object.fromEntries(defaults) as Record<string, string> };
}

/** A value as the engine hands it to a program; `undefined` for one that is encrypted. */
function textOf(value: unknown): string | undefined {
  if (isEncrypted(value)) return undefined;
  // Pulumi takes a key without a value for the empty string, and warns of it.
  if (value === null) return "";
  // The program rounds what is in an object as well.
  const known = (_key: string, part: unknown) =>
    isEncrypted(part) ? encryptedLeaf : typeof part === "bigint" ? Number(part) : part;
  return typeof value === "object" ? JSON.stringify(value, known) : String(value);
}

/** As Pulumi writes it: `{ secure: "v1:…" }`. */
const isEncrypted = (value: unknown) =>
  isMap(value) && Object.keys(value).join() === "secure" && typeof value.secure === "string";

function unreadable(field: string, message: string, fix: string): Finding {
  return broken("stack-readable", { field, message, fix });
}
