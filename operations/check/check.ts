/**
 * `npm run -s check`: everything about a mesh's credentials that Linkerd would choke on, before it gets them.
 *
 * Files are checked without Pulumi's SDK and without a Kubernetes client: what needs one of them is loaded when it is used.
 */
import { createReadStream } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { statusOf } from "../../mesh/requests.ts";
import {
  checkCredentials,
  checkGenerations,
  defaultPurpose,
  type Purpose,
} from "../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import { longestPemBytes, type PemText } from "../../rules/credentials/pemText.ts";
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { identityIssuerName } from "../../rules/linkerdNames.ts";
import { broken } from "../../rules/rules.ts";
import { exitCodes, exitForUsage } from "../exitCodes.ts";
import { formatFindings } from "../format.ts";
import { parseLifetime, warnBeforeOption } from "../lifetimes.ts";
import { parseTrustDomain } from "../trustDomain.ts";
import { type Checked, withVouching } from "./checked.ts";

type SecretName = Readonly<Record<"namespace" | "name", string>>;

interface Options {
  readonly stack?: string;
  readonly offline: boolean;
  readonly config?: string;
  readonly bundle?: string;
  readonly issuer?: string;
  readonly key?: string;
  readonly secret?: SecretName;
  readonly context?: string;
  readonly trustDomain?: string;
  readonly issuanceLifetime?: string;
  readonly clockSkew?: string;
  readonly warnBefore?: string;
  readonly now?: Date;
  readonly json: boolean;
}

/** Options that only go with some of the ways to point the command. */
const files = ["bundle", "issuer", "key"];
const purposes = ["trustDomain", "issuanceLifetime", "clockSkew", "warnBefore"];
const notWithFiles = ["stack", "offline", "config", "secret", "context"];
const notWithConfig = ["secret", ...purposes];
const notWithStack = ["config", ...notWithConfig];

function readOptions(): Options {
  const command = new Command("check")
    .description(
      "Checks by the rules of Linkerd, cert-manager and Kubernetes: a stack's configuration and what its cluster holds " +
        "(by default the selected stack's), or credentials in files, or a Secret of a cluster.",
    )
    .addOption(
      new Option("--stack <name>", "the stack to check (default: the selected one)").conflicts(notWithStack),
    )
    .addOption(
      new Option("--config <file>", "a stack's file, which need not belong to a stack").conflicts(
        notWithConfig,
      ),
    )
    .addOption(new Option("--offline", "look at no cluster").default(false).conflicts("secret"))
    .addOption(new Option("--bundle <pem>", "file with the trust anchors").conflicts(notWithFiles))
    .option("--issuer <pem>", "file with the identity issuer's certificate, intermediates after it")
    .option("--key <pem>", "file with the issuer's private key; it is never shown")
    .option(
      "--secret <namespace/name>",
      "a Secret with an identity issuer, and the anchors of the mesh beside it",
      parseSecret,
    )
    .option("--context <name>", "context of the kubeconfig (default: the stack's, or the current one)")
    .option(
      "--trust-domain <domain>",
      "the mesh's trust domain (default: what the cluster says, or cluster.local)",
      parseTrustDomain,
    )
    .option(
      "--issuance-lifetime <duration>",
      "life of a proxy's certificate (default: the cluster's, or 24h)",
      parseLifetime,
    )
    .option(
      "--clock-skew <duration>",
      "by how much the clocks may differ (default: the cluster's, or 20s)",
      parseLifetime,
    )
    .addOption(warnBeforeOption())
    .option("--now <time>", "time to check for, such as 2027-01-31T12:00:00Z (default: now)", parseTime)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", "\nExit code: 0 if nothing is wrong; 1 with warnings only; 2 with errors.")
    .exitOverride(exitForUsage)
    .parse();
  const options = command.opts<Options>();
  const given = files.filter((name) => name in options);
  const missing = files.filter((name) => !(name in options));
  if (given.length > 0 && missing.length > 0) {
    command.error(`error: --${given.join(" and --")} go with --${missing.join(" and --")}`);
  }
  const ofPurpose = purposes.filter((name) => name in options);
  if (ofPurpose.length > 0 && given.length === 0 && options.secret === undefined) {
    command.error(
      "error: --trust-domain, --issuance-lifetime, --clock-skew and --warn-before go with --bundle or --secret; a stack sets its own",
    );
  }
  return options;
}

function parseSecret(text: string): SecretName {
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined) return { namespace, name };
  throw new InvalidArgumentError("Write it like linkerd/linkerd-identity-issuer.");
}

function parseTime(text: string): Date {
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const time = Date.parse(text);
  // Node takes 31 February for 3 March.
  const isOnCalendar =
    day !== undefined && !Number.isNaN(time) && new Date(day).toISOString().startsWith(day);
  if (isOnCalendar) return new Date(time);
  throw new InvalidArgumentError("A time is written as in RFC 3339, such as 2027-01-31T12:00:00Z.");
}

/** Reads one byte more than the rules allow at most, from files and pipes alike. */
async function readPem(field: string, path: string): Promise<PemText | Finding> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path, { end: longestPemBytes })) chunks.push(chunk);
    return { field, text: Buffer.concat(chunks).toString() };
  } catch (error) {
    return broken("file-readable", {
      field,
      message: `The file cannot be read: ${(error as Error).message}.`,
      fix: "Give the path of a file that can be read.",
    });
  }
}

function check(options: Options): Promise<Checked> {
  if (options.secret !== undefined) return checkSecret(options, options.secret);
  return options.bundle === undefined ? checkConfiguration(options) : checkFiles(options);
}

async function checkFiles(options: Options): Promise<Checked> {
  const [bundle, issuer, key] = await Promise.all([
    readPem("--bundle", options.bundle!),
    readPem("--issuer", options.issuer!),
    readPem("--key", options.key!),
  ]);
  if ("rule" in bundle || "rule" in issuer || "rule" in key) {
    return withoutNotes([bundle, issuer, key].filter((input) => "rule" in input));
  }
  const findings = checkCredentials({ bundle, issuer, key }, purposeOf(options), parseCertificate);
  return withVouching(findings, checkGenerations({ bundle, issuer }, parseCertificate));
}

async function checkSecret(options: Options, { namespace, name }: SecretName): Promise<Checked> {
  const { checkHeldCredentials, readHeldCredentials } = await import("./cluster.ts");
  try {
    const held = await readHeldCredentials({ context: options.context }, namespace, name);
    return checkHeldCredentials(held, purposeOf(options, held.purpose));
  } catch (error) {
    return withoutNotes([
      broken("cluster-readable", {
        field: `--secret ${namespace}/${name}`,
        message: reasonOf(error),
        fix: "Set KUBECONFIG, or --context, to a cluster that answers and lets Secrets and ConfigMaps of this namespace be read.",
      }),
    ]);
  }
}

async function checkConfiguration(options: Options): Promise<Checked> {
  const { checkStack, readStack, readStackFile } = await import("./stack.ts");
  const stack = options.config === undefined ? await readStack(options.stack) : readStackFile(options.config);
  if ("rule" in stack) return withoutNotes([stack]);
  const { findings, kubeconfig, kubeContext, linkerdNamespace, purpose, bundle, checkChange } = checkStack(
    stack,
    options.now,
  );
  if (options.offline) return withoutNotes(findings);
  const skip = (reason: string) => {
    process.stderr.write(`The cluster was not looked at: ${reason}\n`);
    return withoutNotes(findings);
  };
  const unread = (message: string, fix?: string) => {
    const named = kubeContext === undefined ? "kubeconfig" : "kubeContext";
    const field = options.context === undefined ? named : "--context";
    return withoutNotes([...findings, broken("cluster-unread", { field, message, fix })]);
  };
  if (verdictOf(findings) === "error") return skip("the configuration must be right first.");
  if (purpose === undefined || linkerdNamespace === undefined) {
    return unread(
      "The cluster was not looked at, because the settings that say what to look for are encrypted.",
      "Check the stack where it can be decrypted, with --stack; or look at no cluster: --offline.",
    );
  }
  const { checkHeldCredentials, readHeldCredentials } = await import("./cluster.ts");
  try {
    const cluster = { kubeconfig, context: options.context ?? kubeContext };
    const held = await readHeldCredentials(cluster, linkerdNamespace, identityIssuerName);
    const isInstalled = held.bundle !== undefined;
    if (!isInstalled && (bundle === undefined || held.secret === undefined)) {
      return skip(`Linkerd is not installed in namespace ${linkerdNamespace}.`);
    }
    // The Secret may be there before Linkerd, for the anchors that the stack is going to install.
    const expected = isInstalled || bundle === undefined ? held : { ...held, bundle };
    const found = checkHeldCredentials(expected, purposeOf(options, purpose));
    // An anchor that is given ends in the stack's settings and in the bundle: that is one finding.
    const isTold = ({ rule, message }: Finding) =>
      findings.some((told) => told.rule === rule && told.message === message);
    return {
      findings: [
        ...findings,
        ...(held.bundle === undefined ? [] : checkChange(held.bundle)),
        ...found.findings.filter((finding) => !isTold(finding)),
      ],
      notes: found.notes,
    };
  } catch (error) {
    return unread(`The cluster could not be looked at: ${reasonOf(error)}`);
  }
}

const withoutNotes = (findings: readonly Finding[]): Checked => ({ findings, notes: [] });

/** Why a cluster cannot be asked; of a server that does not answer, without the object that it was asked for. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && statusOf(cause) === undefined ? cause.message : message;
}

function purposeOf(
  { trustDomain, issuanceLifetime, clockSkew, warnBefore, now = new Date() }: Options,
  known: Omit<Purpose, "now"> = defaultPurpose,
): Purpose {
  return {
    trustDomain: trustDomain ?? known.trustDomain,
    issuanceLifetime: issuanceLifetime ?? known.issuanceLifetime,
    clockSkewAllowance: clockSkew ?? known.clockSkewAllowance,
    warnBefore: warnBefore ?? known.warnBefore,
    now,
  };
}

function describe({ findings, notes }: Checked): string {
  const told = findings.length === 0 ? "All right: Linkerd can work with this." : formatFindings(findings);
  return [told, ...notes].join("\n");
}

/** Runs the command with this process's arguments, and sets its exit code. */
export async function main(): Promise<void> {
  const options = readOptions();
  const checked = await check(options);
  const verdict = verdictOf(checked.findings);
  console.log(options.json ? JSON.stringify({ verdict, ...checked }, undefined, 2) : describe(checked));
  process.exitCode = exitCodes[verdict];
}

if (import.meta.main) await main();
