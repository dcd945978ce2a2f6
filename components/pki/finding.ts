/** One thing that is not right, in the words that a user sees. */
export interface Finding {
  /** Name of the setting, as it is written in the stack's configuration and in a component's arguments. */
  readonly field: string;
  /** The value that was found, and the rule that it breaks. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** How grave a broken rule is: an error stops Linkerd now or later, a warning does not. */
export type Severity = "error" | "warning";

/** A finding that names the rule behind it: what `npm run -s check` reports. */
export interface RuleFinding extends Finding {
  /** Name of the rule, which stays the same from version to version. */
  readonly rule: string;
  readonly severity: Severity;
  /** Who demands it: Linkerd, or this project where Linkerd itself is content. */
  readonly source: string;
}

/** The gravest severity among findings; `ok` where there is none. */
export function verdictOf(findings: readonly RuleFinding[]): "ok" | Severity {
  if (findings.length === 0) return "ok";
  return findings.some(({ severity }) => severity === "error") ? "error" : "warning";
}

/** All findings as one text, each with its fix. */
export function describeFindings(findings: readonly Finding[]): string {
  const title =
    findings.length === 1 ? "One setting is not right:" : `${findings.length} settings are not right:`;
  return [title, ...findings.map(({ field, message, fix }) => `  ${field}: ${message}\n    ${fix}`)].join(
    "\n",
  );
}
