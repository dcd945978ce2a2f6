/**
 * `npm run -s new-stack -- <name>`: writes the file of a new stack, with a comment on each choice. It touches neither a
 * backend nor a cluster: `pulumi stack init` takes the file as it is.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Finding, verdictOf } from "../../rules/finding.ts";
import { exitCodes, exitForUsage, exitInterrupted } from "../exitCodes.ts";
import { formatFindings } from "../format.ts";
import { readProject } from "../project.ts";
import { parseTrustDomain } from "../trustDomain.ts";
import { type Environment, environmentOf, environments } from "./environments.ts";
import { type Credentials, type IssuerName, sources, stackFile } from "./stackFile.ts";

interface Options {
  readonly environment?: Environment;
  readonly context?: string;
  readonly trustDomain: string;
  readonly credentials: Credentials["source"];
  readonly issuer?: IssuerName;
  readonly trustAnchor?: string;
  readonly chartMirror?: string;
  readonly json: boolean;
}

function readArguments(): { name: string; options: Options; command: Command } {
  const command = new Command("new-stack")
    .description(
      "Writes Pulumi.<name>.yaml for a new stack, with a comment on each choice, if check finds no error in it. What is needed " +
        "and not given is asked, on a terminal.",
    )
    .argument("<name>", "the stack to be, such as staging", parseName)
    .addOption(
      new Option(
        "--environment <kind>",
        "what it is for (default: what its name says, such as production for prod-eu)",
      ).choices(environments),
    )
    .option("--context <name>", "context of the kubeconfig, by which its cluster is reached", parseText)
    .option(
      "--trust-domain <domain>",
      "the mesh's trust domain, the end of every identity's name",
      parseTrustDomain,
      "cluster.local",
    )
    .addOption(
      new Option(
        "--credentials <source>",
        "where they come from: Pulumi makes the anchor (stack), cert-manager does (cluster), a cert-manager issuer that is there signs (issuer), or someone writes the Secret (secret)",
      )
        .choices(sources)
        .default("stack"),
    )
    .option("--issuer <kind/name>", "with issuer: for example ClusterIssuer/company", parseIssuer)
    .option(
      "--trust-anchor <pem>",
      "with issuer or secret: file with the root's certificate, from the project's folder",
      parseText,
    )
    .option(
      "--chart-mirror <url>",
      "where to take the charts from: a repository https://…, or a registry's folder oci://…",
      parseMirror,
    )
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      "\nNothing is overwritten.\n\nExit code: 0 if the file is written; 1 if it is, with warnings; 2 if it is not.",
    )
    .exitOverride(exitForUsage)
    .parse();
  const options = command.opts<Options>();
  const takes = { issuer: ["issuer"], trustAnchor: ["issuer", "secret"] };
  for (const [name, withSources] of Object.entries(takes)) {
    if (name in options && !withSources.includes(options.credentials)) {
      const flag = command.options.find((option) => option.attributeName() === name)!.long;
      command.error(`error: ${flag} goes with --credentials ${withSources.join(" or ")}`);
    }
  }
  return { name: command.args[0]!, options, command };
}

/** By Pulumi's own rule. */
function parseName(text: string): string {
  if (/^[\w.-]{1,100}$/.test(text)) return text;
  throw new InvalidArgumentError(
    "A stack's name has 1 to 100 of a-z, A-Z, 0-9, '-', '_' and '.'; its organisation is not part of it.",
  );
}

function parseText(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must not be empty.");
  return text.trim();
}

function parseIssuer(text: string): IssuerName {
  const [, kind, name] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (kind !== undefined && name !== undefined) return { kind, name };
  throw new InvalidArgumentError("Write it like ClusterIssuer/company.");
}

function parseMirror(text: string): string {
  if (/^(https?|oci):\/\/./.test(text)) return text;
  throw new InvalidArgumentError(
    "Write it like https://charts.example.com or oci://registry.example.com/charts.",
  );
}

function parseEnvironment(text: string): Environment {
  const found = environments.find((environment) => environment === text);
  if (found === undefined) throw new InvalidArgumentError(`It is one of ${environments.join(", ")}.`);
  return found;
}

/** Asks on the terminal, as often as the answer does not fit. */
type Ask = <Value>(flag: string, question: string, parse: (text: string) => Value) => Promise<Value>;

class Interrupted extends Error {}

/** Ctrl-C, and the end of the input, end the question. */
const askOnTerminal: Ask = async (_flag, question, parse) => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  terminal.on("SIGINT", () => ended.abort()).on("close", () => ended.abort());
  try {
    for (;;) {
      const answer = await terminal.question(`${question}: `, ended);
      try {
        return parse(answer.trim());
      } catch (error) {
        if (!(error instanceof InvalidArgumentError)) throw error;
        process.stderr.write(`${error.message}\n`);
      }
    }
  } catch (error) {
    throw ended.signal.aborted ? new Interrupted() : error;
  } finally {
    terminal.close();
  }
};

async function run(): Promise<void> {
  const { name, options, command } = readArguments();
  const { folder, name: project, stackConfigDir } = readProject();
  const file = join(folder, stackConfigDir, `Pulumi.${name}.yaml`);
  const shown = relative(process.cwd(), file);
  if (existsSync(file)) {
    throw new Error(`${shown} is there already, and is not overwritten. Give another name, or move it away.`);
  }
  const ask: Ask = process.stdin.isTTY
    ? askOnTerminal
    : (flag) => command.error(`error: ${flag} is needed: there is no terminal to ask on`);

  const environment =
    options.environment ??
    environmentOf(name) ??
    (await ask("--environment", `What is ${name} for (${environments.join(", ")})`, parseEnvironment));
  const context =
    options.context ?? (await ask("--context", `Context of the kubeconfig for ${name}`, parseText));
  const credentials = await credentialsOf(options, ask);
  const { trustDomain, chartMirror } = options;
  const text = stackFile(project, { environment, context, trustDomain, credentials, chartMirror });

  const findings = await check(text);
  const verdict = verdictOf(findings);
  const written = verdict !== "error";
  // It fails if the file has been made meanwhile.
  if (written) writeFileSync(file, text, { flag: "wx" });
  const next = written ? [`pulumi stack init ${name}`, `pulumi preview --stack ${name}`] : [];
  console.log(
    options.json
      ? JSON.stringify({ verdict, findings, file: shown, environment, written, next }, undefined, 2)
      : describe({ findings, file: shown, environment, written, next }),
  );
  process.exitCode = exitCodes[verdict];
}

async function credentialsOf(options: Options, ask: Ask): Promise<Credentials> {
  const { credentials: source } = options;
  if (source === "stack" || source === "cluster") return { source };
  const trustAnchor =
    options.trustAnchor ??
    (await ask("--trust-anchor", "File with the certificate of the trust anchor, in PEM", parseText));
  if (source === "secret") return { source, trustAnchor };
  const issuer =
    options.issuer ?? (await ask("--issuer", "The issuer, such as ClusterIssuer/company", parseIssuer));
  return { source, issuer, trustAnchor };
}

/** What `check --offline` would find in the file. */
async function check(text: string): Promise<readonly Finding[]> {
  const { checkStack, readStackText } = await import("../check/stack.ts");
  const stack = readStackText(text);
  return "rule" in stack ? [stack] : checkStack(stack).findings;
}

interface Result {
  readonly findings: readonly Finding[];
  readonly file: string;
  readonly environment: Environment;
  readonly written: boolean;
  readonly next: readonly string[];
}

function describe({ findings, file, environment, written, next }: Result): string {
  const found = findings.length === 0 ? [] : [formatFindings(findings)];
  if (!written) return [...found, `${file} is not written.`].join("\n");
  return [
    ...found,
    `${file} is written, for ${environment}. Read it, and commit it. Then:`,
    ...next.map((line) => `  ${line}`),
  ].join("\n");
}

/** Runs the command with this process's arguments, and sets its exit code. */
export async function main(): Promise<void> {
  try {
    await run();
  } catch (error) {
    const isInterrupted = error instanceof Interrupted;
    process.stderr.write(
      isInterrupted ? "\nInterrupted. Nothing is written.\n" : `${(error as Error).message}\n`,
    );
    process.exitCode = isInterrupted ? exitInterrupted : exitCodes.error;
  }
}

if (import.meta.main) await main();
