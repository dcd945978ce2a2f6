/** Checks a stack's configuration as the program would, without running it. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { parse, type TagId, type Tags } from "yaml";
import { type ResolvedSettings, resolve } from "../../components/rotatingLinkerdArgs.ts";
import { configurationOf, encryptedLeaf, inConfiguration, type StackText } from "../../infra/config.ts";
import { joinBundle } from "../../rules/credentials/bundle.ts";
import type { Purpose } from "../../rules/credentials/credentials.ts";
import type { PemText } from "../../rules/credentials/pemText.ts";
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { isPlainObject, known } from "../../rules/known.ts";
import { checkAnchorChange, plannedAnchors } from "../../rules/mesh/anchorChange.ts";
import { broken } from "../../rules/rules.ts";

/** What is wrong with a stack's configuration, and where and how to look at its cluster. */
export interface CheckedStack {
  readonly findings: readonly Finding[];
  readonly kubeconfig: string | undefined;
  readonly kubeContext: string | undefined;
  readonly linkerdNamespace: string | undefined;
  /** Absent if a part of it is encrypted. */
  readonly purpose: Omit<Purpose, "now"> | undefined;
  /** The mesh's anchors, if all of them are provided and sound; otherwise the cluster alone has them. */
  readonly bundle: PemText | undefined;
  /** What is wrong with it for a mesh that runs with these anchors. */
  readonly checkChange: (running: PemText) => readonly Finding[];
}

export function checkStack(stack: StackText): CheckedStack {
  const { configuration, findings } = configurationOf(stack);
  const settings = resolve(configuration.linkerd);
  const isSound = verdictOf(findings) !== "error";
  return {
    findings,
    kubeconfig: known(configuration.kubeconfig),
    kubeContext: known(configuration.kubeContext),
    linkerdNamespace: known(settings.controlPlane.namespace),
    bundle: isSound ? providedBundle(settings) : undefined,
    checkChange: (running) => {
      const planned = isSound ? plannedAnchors(settings) : undefined;
      return planned === undefined ? [] : [...checkAnchorChange(running, planned)].map(inConfiguration);
    },
    purpose: purposeOf(settings),
  };
}

function purposeOf({ identityIssuer, ...settings }: ResolvedSettings): CheckedStack["purpose"] {
  const trustDomain = known(settings.trustDomain);
  const issuanceLifetime = known(identityIssuer.issuanceLifetime);
  const clockSkewAllowance = known(identityIssuer.clockSkewAllowance);
  return trustDomain === undefined || issuanceLifetime === undefined || clockSkewAllowance === undefined
    ? undefined
    : {
        trustDomain,
        issuanceLifetime,
        clockSkewAllowance,
        warnBefore: known(settings.trustAnchor.warnBefore),
      };
}

/** The bundle as the program makes it. */
function providedBundle({ trustAnchor }: ResolvedSettings): PemText | undefined {
  const { generations, provided } = trustAnchor;
  const certificates = generations.map((generation) => known(provided[generation]?.certificatePem));
  return certificates.every((pem) => pem !== undefined)
    ? { field: "providedTrustAnchors", text: joinBundle(certificates) }
    : undefined;
}

/** What a stack sets, decrypted; without a name, the selected stack. */
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
    const { code, path, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    const field = name === undefined ? "--stack" : `--stack ${name}`;
    if (code === "ENOENT" && path === "pulumi") {
      return unreadable(
        field,
        "The stack's configuration cannot be read: pulumi is not on PATH.",
        "Install it; for the sandbox's stack: eval \"$(npm run -s sandbox -- env)\". Or give the stack's file: --config.",
      );
    }
    return unreadable(
      field,
      `pulumi config cannot read the stack: ${(stderr || message).trim().replace(/^error: /, "")}`,
      "Select a stack, or name one with --stack; its passphrase or login must be there as for pulumi up. Or give its file: --config.",
    );
  }
}

/** What a stack's file sets; what is encrypted in it stays unknown. */
export function readStackFile(path: string): StackText | Finding {
  const refused = (message: string) =>
    unreadable("--config", message, "Give a stack's file, such as Pulumi.dev.yaml.");
  let content: unknown;
  let declared: ReturnType<typeof readProject>;
  try {
    content = parse(readFileSync(path, "utf8"), { schema: "yaml-1.1", customTags: asGoReads });
    declared = readProject();
  } catch (error) {
    return refused(`The file cannot be read: ${(error as Error).message.split("\n")[0]}`);
  }
  const set = isPlainObject(content) ? (content.config ?? {}) : undefined;
  if (!isPlainObject(set)) return refused("The file is not a map with config: in it.");
  const { project, defaults } = declared;
  const texts = Object.entries(set).map(([key, value]) => [
    key.includes(":") ? key : `${project}:${key}`,
    textOf(value),
  ]);
  return { project, texts: { ...defaults, ...Object.fromEntries(texts) }, isSecret: () => false };
}

/** The name of the project in this folder or above it, and the defaults of its keys, for what a stack does not set. */
function readProject() {
  let folder = process.cwd();
  while (!existsSync(join(folder, "Pulumi.yaml")) && folder !== dirname(folder)) folder = dirname(folder);
  const { name, config = {} } = parse(readFileSync(join(folder, "Pulumi.yaml"), "utf8")) as {
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
  const known = (_key: string, part: unknown) => (isEncrypted(part) ? encryptedLeaf : part);
  return typeof value === "object" ? JSON.stringify(value, known) : String(value);
}

/**
 * Pulumi reads its files with Go's yaml.v3: its numbers are those of YAML 1.1 and of 1.2 alike, but neither yes and no nor
 * hours with colons; and what looks like a time stays a text here.
 */
function asGoReads(tags: Tags): Tags {
  const isGoes = (tag: Tags[number]) =>
    typeof tag === "string" ||
    !(/:(bool|timestamp)$/.test(tag.tag) || ("format" in tag && tag.format === "TIME"));
  return [...tags.filter(isGoes), "bool", "intOct"] satisfies (TagId | Tags[number])[];
}

/** As Pulumi writes it: `{ secure: "v1:…" }`. */
const isEncrypted = (value: unknown) =>
  isPlainObject(value) && Object.keys(value).join() === "secure" && typeof value.secure === "string";

function unreadable(field: string, message: string, fix: string): Finding {
  return broken("stack-readable", { field, message, fix });
}
