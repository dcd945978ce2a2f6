/** Our verdict beside Linkerd's, set by set, and what that comes to. */
import { checkCredentials } from "../../components/pki/credentialRules.ts";
import type { Finding } from "../../components/pki/finding.ts";
import { parseCertificate } from "../../components/pki/parseCertificate.ts";
import { rules } from "../../components/pki/rules.ts";
import type { IdentityOracle, Outcome, Stage } from "./identityController.ts";
import { type CredentialTexts, make, type Recipe } from "./recipe.ts";

type Verdict = "agreed" | "stricter" | "laxer" | "unexplained";

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

/** How a set is put before Linkerd. */
export type Ask = (oracle: IdentityOracle, texts: CredentialTexts) => Promise<Outcome>;

/** Makes every set, and asks both. Each oracle works at its own pace. */
export async function compareAll(
  recipes: readonly Recipe[],
  oracles: readonly IdentityOracle[],
  ask: Ask,
  progress: (done: number) => void = () => {},
): Promise<readonly Compared[]> {
  const compared: Compared[] = [];
  const waiting = recipes.entries();
  let done = 0;
  const work = async (oracle: IdentityOracle) => {
    for (const [index, recipe] of waiting) {
      const texts = await make(recipe);
      const outcome = await ask(oracle, texts);
      compared[index] = compare(recipe, texts, outcome);
      progress(++done);
    }
  };
  await Promise.all(oracles.map(work));
  return compared;
}

function compare({ changes }: Recipe, texts: CredentialTexts, outcome: Outcome): Compared {
  const errors = [
    ...new Set(findingsOf(texts).flatMap(({ severity, rule }) => (severity === "error" ? rule : []))),
  ];
  return { changes, texts, outcome, errors, verdict: verdictOn(errors, outcome.stage) };
}

function verdictOn(errors: readonly string[], stage: Stage): Verdict {
  if (stage !== "accepted") return errors.length === 0 ? "laxer" : "agreed";
  if (errors.length === 0) return "agreed";
  return errors.every((rule) => "stricter" in rules[rule as keyof typeof rules]) ? "stricter" : "unexplained";
}

function findingsOf({ bundle, issuer, key }: CredentialTexts): readonly Finding[] {
  const of = (field: string, text: string) => ({ field, text });
  return checkCredentials(
    { bundle: of("bundle", bundle), issuer: of("issuer", issuer), key: of("key", key) },
    { trustDomain: "cluster.local", issuanceLifetime: "24h", clockSkewAllowance: "20s", now: new Date() },
    parseCertificate,
  );
}

export interface Report {
  readonly sets: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** How many sets Linkerd accepts, or where it refuses them. */
  readonly stages: Readonly<Record<Stage, number>>;
  /** Sets that we alone refuse, by rule; one set may break several. */
  readonly stricterRules: Readonly<Record<string, number>>;
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
    verdicts: count(["agreed", "stricter", "laxer", "unexplained"], ({ verdict }) => verdict),
    stages: count(["load", "certify", "proxies", "accepted"], ({ outcome }) => outcome.stage),
    stricterRules,
  };
}

/** The report as lines of text. */
export function describeReport({ sets, verdicts, stages, stricterRules }: Report): string {
  const rulesBySets = Object.entries(stricterRules).sort(([, one], [, other]) => other - one);
  return [
    `${sets} sets: ${verdicts.agreed} agree, ${verdicts.stricter} stricter on purpose, ` +
      `${verdicts.laxer} laxer, ${verdicts.unexplained} stricter without a reason`,
    `Linkerd accepts ${stages.accepted}; refuses ${stages.load} when it loads them, ${stages.certify} when it signs; ` +
      `${stages.proxies} give certificates that proxies refuse`,
    ...rulesBySets.map(
      ([rule, number]) =>
        `${String(number).padStart(6)}  ${rule}: ${(rules[rule as keyof typeof rules] as { stricter?: string }).stricter}`,
    ),
  ].join("\n");
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
