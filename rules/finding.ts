/** How grave a broken rule is: an error stops Linkerd now or later, a warning does not. */
export type Severity = "error" | "warning";

/** One thing that is not right, in the words that a user sees. */
export interface Finding {
  /** Name of the broken rule, which stays the same from version to version. */
  readonly rule: string;
  readonly severity: Severity;
  /**
   * Where it was found: the name of a setting, as it is written in the stack's configuration and in a component's
   * arguments, an option of a command, or an object of the cluster.
   */
  readonly field: string;
  /** The value that was found, and what is demanded of it. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
  /** Who demands it: Linkerd, cert-manager, a standard, or this project where Linkerd itself is content. */
  readonly source: string;
}

/** The gravest severity among findings; `ok` where there is none. */
export function verdictOf(findings: readonly Finding[]): "ok" | Severity {
  if (findings.length === 0) return "ok";
  return findings.some(({ severity }) => severity === "error") ? "error" : "warning";
}

/** A finding with its fix, its rule and the rule's source, in three lines. */
export function describeFinding({ field, message, fix, rule, source }: Finding): string {
  return `${field}: ${message}\n    Fix: ${fix}\n    Rule: ${rule} (${source})`;
}

/** All findings as one text. */
export function describeFindings(findings: readonly Finding[]): string {
  const title =
    findings.length === 1 ? "One setting is not right:" : `${findings.length} settings are not right:`;
  return [title, ...findings.map((finding) => `  ${describeFinding(finding)}`)].join("\n");
}
