/** Our verdict beside Linkerd's, set by set, and what that comes to. */
import { setImmediate as immediately } from "node:timers/promises";
import { type Report, reasonOf } from "../../docs/oraclePage.ts";
import type { ParseCertificate, ParsedCertificate } from "../../rules/credentials/certificate.ts";
import { checkCredentials } from "../../rules/credentials/credentials.ts";
import { parseCertificate } from "../../rules/credentials/parseCertificate.ts";
import type { Finding } from "../../rules/finding.ts";
import type { IdentityOracle, Outcome, Stage } from "./identityController.ts";
import { type CredentialTexts, make, type Recipe } from "./recipe.ts";
import { rotationBegins } from "./rotation.ts";

type Verdict = keyof Report["verdicts"];

export interface Compared {
  readonly changes: readonly string[];
  readonly texts: CredentialTexts;
  readonly outcome: Outcome;
  /** Names of the rules whose breach is an error. */
  readonly errors: readonly string[];
  /**
   * `stricter`: we refuse what Linkerd accepts, and every rule that does says why. `unexplained`: one does not.
   * `laxer`: we accept what Linkerd refuses.
   */
  readonly verdict: Verdict;
}

/** How sets with the same bundle are put before Linkerd. */
export type Ask = (oracle: IdentityOracle, sets: readonly CredentialTexts[]) => AsyncIterable<Outcome>;

/** So many are made while others are asked about. */
const setsAtOnce = 500;

/** Makes every set, and asks both. Each oracle works at its own pace. */
export async function compareAll(
  recipes: readonly Recipe[],
  oracles: readonly IdentityOracle[],
  ask: Ask,
  progress: (done: number, latest: Compared) => void = () => {},
): Promise<readonly Compared[]> {
  const compared: Compared[] = [];
  let done = 0;
  const askAbout = async (judged: readonly Judged[]) => {
    const waiting = byBundle(judged).values();
    const work = async (oracle: IdentityOracle) => {
      for (const sets of waiting) {
        const waitingSets = sets.values();
        const texts = sets.map((set) => set.texts);
        for await (const outcome of ask(oracle, texts)) {
          const { value: set } = waitingSets.next();
          const latest = { ...set!, outcome, verdict: verdictOn(set!.errors, outcome.stage) };
          compared[set!.index] = latest;
          progress(++done, latest);
        }
      }
    };
    await Promise.all(oracles.map(work));
  };
  const parse = parseOnce();
  const judgeNext = async (begin: number) => {
    const judged: Judged[] = [];
    for (const [offset, recipe] of recipes.slice(begin, begin + setsAtOnce).entries()) {
      judged.push(judge(recipe, begin + offset, parse));
      await immediately();
    }
    return judged;
  };
  let judged = await judgeNext(0);
  for (let begin = setsAtOnce; judged.length > 0; begin += setsAtOnce) {
    [judged] = await Promise.all([judgeNext(begin), askAbout(judged)]);
  }
  return compared;
}

/** What we say of a set, before Linkerd is asked. */
type Judged = Pick<Compared, "changes" | "texts" | "errors"> & { readonly index: number };

function judge(recipe: Recipe, index: number, parse: ParseCertificate): Judged {
  const texts = make(recipe);
  const findings = findingsOf(texts, parse);
  const errors = findings.flatMap(({ severity, rule }) => (severity === "error" ? rule : []));
  return { changes: recipe.changes, texts, index, errors: [...new Set(errors)] };
}

/** Sets with the same bundle together, those first that we accept: the first one decides whether a controller starts. */
function byBundle(judged: readonly Judged[]): Judged[][] {
  const groups = Map.groupBy(judged, ({ texts }) => texts.bundle);
  return [...groups.values()].map((group) =>
    group.toSorted((one, other) => Math.min(1, one.errors.length) - Math.min(1, other.errors.length)),
  );
}

/** Many sets have the same certificates. */
function parseOnce(): ParseCertificate {
  const parsed = new Map<string, ParsedCertificate>();
  return (der) => {
    const key = der.toString("latin1");
    const known = parsed.get(key) ?? parseCertificate(der);
    parsed.set(key, known);
    return known;
  };
}

function verdictOn(errors: readonly string[], stage: Stage): Verdict {
  if (stage !== "accepted") return errors.length === 0 ? "laxer" : "agreed";
  if (errors.length === 0) return "agreed";
  return errors.every((rule) => reasonOf(rule) !== undefined) ? "stricter" : "unexplained";
}

function findingsOf({ bundle, issuer, key }: CredentialTexts, parse: ParseCertificate): readonly Finding[] {
  const of = (field: string, text: string) => ({ field, text });
  return checkCredentials(
    { bundle: of("bundle", bundle), issuer: of("issuer", issuer), key: of("key", key) },
    { trustDomain: "cluster.local", issuanceLifetime: "24h", clockSkewAllowance: "20s", now: new Date() },
    parse,
  );
}

export function reportOn(compared: readonly Compared[]): Report {
  const count = <Name extends string>(names: readonly Name[], of: (one: Compared) => Name) =>
    Object.fromEntries(
      names.map((name) => [name, compared.filter((one) => of(one) === name).length]),
    ) as Record<Name, number>;
  const stricterRules: Record<string, number> = {};
  for (const { verdict, errors } of compared) {
    if (verdict !== "stricter") continue;
    for (const rule of errors) stricterRules[rule] = (stricterRules[rule] ?? 0) + 1;
  }
  return {
    sets: compared.length,
    rotations: compared.filter(({ changes }) => changes[0]?.startsWith(rotationBegins)).length,
    bundles: new Set(compared.map(({ texts }) => texts.bundle)).size,
    verdicts: count(["agreed", "stricter", "laxer", "unexplained"], ({ verdict }) => verdict),
    stages: count(["load", "certify", "proxies", "accepted"], ({ outcome }) => outcome.stage),
    stricterRules,
  };
}

/** The report as lines of text. */
export function describeReport({ sets, bundles, verdicts, stages, stricterRules }: Report): string {
  const rulesBySets = Object.entries(stricterRules).sort(([, one], [, other]) => other - one);
  return [
    `${sets} sets with ${bundles} bundles: ${verdicts.agreed} agree, ${verdicts.stricter} stricter on purpose, ` +
      `${verdicts.laxer} laxer, ${verdicts.unexplained} stricter without a reason`,
    `Linkerd accepts ${stages.accepted}; refuses ${stages.load} when it loads them, ${stages.certify} when it signs; ` +
      `${stages.proxies} give certificates that proxies refuse`,
    ...rulesBySets.map(([rule, number]) => `${String(number).padStart(6)}  ${rule}: ${reasonOf(rule)}`),
  ].join("\n");
}

/** Whether we are wrong about it. */
export function isDifference({ verdict }: Compared): boolean {
  return verdict === "laxer" || verdict === "unexplained";
}

/** What there is to know about a difference that should not be. */
export function describeDifference({ verdict, changes, outcome, errors, texts }: Compared): string {
  return [
    `${verdict}: ${changes.join("; ")}`,
    `  Linkerd: ${outcome.stage} ${outcome.reason}`,
    `  our errors: ${errors.join(", ") || "none"}`,
    JSON.stringify(texts),
  ].join("\n");
}
