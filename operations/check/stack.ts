/** Checks a stack's configuration as the program would, without running it. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
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
import { readProject } from "../project.ts";

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

export function checkStack(stack: StackText, now = new Date()): CheckedStack {
  const { configuration, findings } = configurationOf(stack, now);
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

/** A value as `pulumi config --json` says it. */
interface Said {
  readonly value?: string;
  /** Of a list or an object only. */
  readonly objectValue?: unknown;
  readonly secret?: boolean;
}

/** What a stack sets, decrypted; without a name, the selected stack. */
export async function readStack(
  name: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<StackText | Finding> {
  const stack = name === undefined ? [] : ["--stack", name];
  try {
    const { stdout } = await promisify(execFile)(
      "pulumi",
      ["config", "--json", "--show-secrets", "--non-interactive", ...stack],
      { maxBuffer: 64 * 1024 * 1024, env: environment },
    );
    const values = JSON.parse(stdout) as Readonly<Record<string, Said>>;
    const { project, defaults, types } = readDeclared();
    const texts = Object.fromEntries(Object.entries(values).map(([key, { value }]) => [key, value]));
    return {
      project,
      texts: { ...defaults, ...texts },
      isSecret: (key) => values[key]?.secret === true,
      hasOtherShape: (key) =>
        values[key] !== undefined && isOtherShape(types[key], values[key].objectValue !== undefined),
    };
  } catch (error) {
    const { code, path, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    const field = name === undefined ? "--stack" : `--stack ${name}`;
    if (code === "ENOENT" && path === "pulumi") {
      return unreadable(
        field,
        "The stack's configuration cannot be read: pulumi is not on PATH.",
        "Install it; for the sandbox's stack: eval \"$(npm run -s sandbox -- env)\". check takes the stack's file as well: --config.",
      );
    }
    return unreadable(
      field,
      `pulumi config cannot read the stack: ${(stderr || message).trim().replace(/^error: /, "")}`,
      "Select a stack, or name one with --stack; its passphrase or login must be there as for pulumi up. check takes its file as well: --config.",
    );
  }
}

/** The keys that Pulumi reads at the top of a stack's file, beside `config`. */
const keysBesideConfig = ["secretsprovider", "encryptedkey", "encryptionsalt", "environment"];

const refused = (message: string) =>
  unreadable("--config", message, "Give a stack's file, such as Pulumi.dev.yaml.");

/** What a stack's file sets; what is encrypted in it stays unknown. */
export function readStackFile(path: string): StackText | Finding {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return refused(`The file cannot be read: ${(error as Error).message.split("\n")[0]}`);
  }
  return readStackText(text);
}

/** What the text of a stack's file sets. */
export function readStackText(text: string): StackText | Finding {
  let content: unknown;
  try {
    content = parse(text, { schema: "yaml-1.1", customTags: asGoReads });
  } catch (error) {
    return refused(`The file cannot be read: ${(error as Error).message.split("\n")[0]}`);
  }
  if (!isPlainObject(content)) {
    const what = content === null ? "empty" : Array.isArray(content) ? "a list" : "a text";
    return refused(`The file is ${what}, and a stack's file is a map with config: in it.`);
  }
  const keys = Object.keys(content);
  if (keys.includes("runtime")) return refused("This is a project's file, and not one of its stacks'.");
  const isStacks = keys.some((key) => ["config", ...keysBesideConfig].includes(key));
  if (!isStacks) {
    const found = keys.length > 5 ? `${keys.slice(0, 5).join(", ")} and more` : keys.join(", ") || "nothing";
    return refused(`The file has no config: at its top, as a stack's file has; it has ${found}.`);
  }
  const set = content.config ?? {};
  if (!isPlainObject(set)) return refused("What config: holds is no map of settings.");
  let declared: ReturnType<typeof readDeclared>;
  try {
    declared = readDeclared();
  } catch (error) {
    return unreadable(
      "Pulumi.yaml",
      `The project's file cannot be read: ${(error as Error).message.split("\n")[0]}`,
      "Run this in the folder of the project whose stack it is, or below it.",
    );
  }
  const { project, defaults, types } = declared;
  const texts: Record<string, string | undefined> = { ...defaults };
  const shapes = new Map<string, boolean>();
  for (const [name, value] of Object.entries(set)) {
    const key = name.includes(":") ? name : `${project}:${name}`;
    try {
      texts[key] = textOf(value);
    } catch {
      const fix = "Write out the value in place of the alias.";
      return unreadable("--config", `The value of ${name} contains itself, through an alias of YAML.`, fix);
    }
    shapes.set(key, isOtherShape(types[key], texts[key] !== undefined && isStructure(value)));
  }
  return { project, texts, isSecret: () => false, hasOtherShape: (key) => shapes.get(key) === true };
}

/** The project's name, and the defaults and types of its full keys. */
function readDeclared() {
  const { name, config } = readProject();
  // `pulumi new` adds keys of the engine's own.
  const own = Object.entries(config).filter(([key]) => !key.includes(":"));
  const declared = own.map(([key, declaration]) => {
    // In short, a default stands for all of it.
    const {
      type,
      default: standard,
      value,
    } = isPlainObject(declaration) ? declaration : { default: declaration };
    return { key: `${name}:${key}`, type, standard: standard ?? value };
  });
  const withDefault = declared.filter(({ standard }) => standard !== undefined);
  return {
    project: name,
    defaults: Object.fromEntries(withDefault.map(({ key, standard }) => [key, textOf(standard)])),
    types: Object.fromEntries(declared.map(({ key, type }) => [key, type])),
  };
}

/** Whether a value is a text where a project's type asks for a list or an object, or the other way round. */
function isOtherShape(type: unknown, isList: boolean): boolean {
  return type !== undefined && isList !== (type === "array" || type === "object");
}

const isStructure = (value: unknown) => typeof value === "object" && value !== null;

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
