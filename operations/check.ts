/** `npm run -s check`: everything about a mesh's credentials that Linkerd would choke on, before it gets them. */
import { createReadStream } from "node:fs";
import { Command, type CommanderError, InvalidArgumentError } from "commander";
import { checkCredentials } from "../components/pki/credentialRules.ts";
import { durationSyntax, parseDuration } from "../components/pki/duration.ts";
import { describeFinding, type Finding, verdictOf } from "../components/pki/finding.ts";
import { checkDomain } from "../components/pki/names.ts";
import { parseCertificate } from "../components/pki/parseCertificate.ts";
import { longestPemBytes, type PemText } from "../components/pki/pemRules.ts";
import { broken } from "../components/pki/rules.ts";

const exitCodes = { ok: 0, warning: 1, error: 2 } as const;

interface Options {
  readonly bundle: string;
  readonly issuer: string;
  readonly key: string;
  readonly trustDomain: string;
  readonly issuanceLifetime: string;
  readonly clockSkew: string;
  readonly now?: Date;
  readonly json: boolean;
}

function readOptions(): Options {
  return new Command("check")
    .description("Checks credentials in files by the rules of Linkerd and its proxies. No cluster is asked.")
    .requiredOption("--bundle <pem>", "file with the trust anchors")
    .requiredOption("--issuer <pem>", "file with the identity issuer's certificate, intermediates after it")
    .requiredOption("--key <pem>", "file with the issuer's private key; it is never shown")
    .option("--trust-domain <domain>", "the mesh's trust domain", parseDomain, "cluster.local")
    .option("--issuance-lifetime <duration>", "life of a proxy's certificate", parseLifetime, "24h")
    .option("--clock-skew <duration>", "by how much the clocks may differ", parseLifetime, "20s")
    .option("--now <time>", "time to check for, such as 2027-01-31T12:00:00Z (default: now)", parseTime)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", "\nExit code: 0 where nothing is wrong; 1 with warnings only; 2 with errors.")
    .exitOverride(({ exitCode }: CommanderError) =>
      process.exit(exitCode === 0 ? exitCodes.ok : exitCodes.error),
    )
    .parse()
    .opts<Options>();
}

function parseDomain(text: string): string {
  const [finding] = checkDomain("--trust-domain", text);
  if (finding !== undefined) throw new InvalidArgumentError(`${finding.message} ${finding.fix}`);
  return text;
}

function parseLifetime(text: string): string {
  try {
    parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as RangeError).message} ${durationSyntax}`);
  }
  return text;
}

function parseTime(text: string): Date {
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const time = Date.parse(text);
  // Node takes 31 February for 3 March.
  const isOnCalendar =
    day !== undefined && !Number.isNaN(time) && new Date(day).toISOString().startsWith(day);
  if (isOnCalendar) return new Date(time);
  throw new InvalidArgumentError("It is not a time as RFC 3339 writes it, such as 2027-01-31T12:00:00Z.");
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
      message: `It cannot be read: ${(error as Error).message}.`,
      fix: "Give the path of a file that can be read.",
    });
  }
}

async function check(options: Options): Promise<Finding[]> {
  const [bundle, issuer, key] = await Promise.all([
    readPem("--bundle", options.bundle),
    readPem("--issuer", options.issuer),
    readPem("--key", options.key),
  ]);
  if ("rule" in bundle || "rule" in issuer || "rule" in key) {
    return [bundle, issuer, key].filter((input) => "rule" in input);
  }
  const { trustDomain, issuanceLifetime, clockSkew: clockSkewAllowance, now = new Date() } = options;
  const purpose = { trustDomain, issuanceLifetime, clockSkewAllowance, now };
  return checkCredentials({ bundle, issuer, key }, purpose, parseCertificate);
}

function describe(findings: readonly Finding[]): string {
  if (findings.length === 0) return "All right: Linkerd can work with these credentials.";
  return findings
    .map((finding) => `${finding.severity === "error" ? "Error" : "Warning"}: ${describeFinding(finding)}`)
    .join("\n");
}

if (import.meta.main) {
  const options = readOptions();
  const findings = await check(options);
  const verdict = verdictOf(findings);
  console.log(options.json ? JSON.stringify({ verdict, findings }, undefined, 2) : describe(findings));
  process.exitCode = exitCodes[verdict];
}
