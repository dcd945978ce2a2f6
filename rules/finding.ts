/** How grave a broken rule is: an error stops Linkerd now or later, a warning does not. */
export type Severity = "error" | "warning";

/** What is demanded of settings or credentials, and by whom. */
export interface Rule {
  /** Absent: an error. */
  readonly severity?: Severity;
  /** What is demanded, as one sentence. */
  readonly demand: string;
  /** What to do if it is broken; a finding may know better. */
  readonly fix: string;
  /** Where the rule comes from. */
  readonly source: string;
  /** Why it refuses what Linkerd's identity controller, *it*, accepts; absent if it never does. */
  readonly stricter?: string;
}

/** One problem, in the words that a user sees. */
export interface Finding {
  /** Name of the broken rule, which stays the same from version to version. */
  readonly rule: string;
  readonly severity: Severity;
  /**
   * What it is about: a setting, as it is written in the stack's configuration and in a component's arguments, an option
   * of a command, or an object of the cluster.
   */
  readonly field: string;
  /** The value that was found, and what is demanded of it. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
  /** The rule's source: Linkerd, cert-manager, a standard, or this project if Linkerd itself does not object. */
  readonly source: string;
}

/** The gravest severity among findings; `ok` if there are none. */
export function verdictOf(findings: readonly Finding[]): "ok" | Severity {
  if (findings.length === 0) return "ok";
  return findings.some(({ severity }) => severity === "error") ? "error" : "warning";
}

/** A finding with its fix, its rule and the rule's source, in three lines. */
export function describeFinding({ field, message, fix, rule, source }: Finding): string {
  return `${field}: ${message}\n    Fix: ${fix}\n    Rule: ${rule} (${source})`;
}

export function describeFindings(findings: readonly Finding[]): string {
  const title =
    findings.length === 1 ? "One setting is not right:" : `${findings.length} settings are not right:`;
  return [title, ...findings.map((finding) => `  ${describeFinding(finding)}`)].join("\n");
}

/** The findings in a text of {@link describeFinding} or {@link describeFindings}, which do not say how grave they are. */
export function parseFindings(text: string, severity: Severity): Finding[] {
  const lines = text.split("\n");
  return lines.flatMap((line, place) => {
    const fix = /^ {4,}Fix: (.*)$/.exec(lines[place + 1] ?? "")?.[1];
    const [, rule, source] = /^ {4,}Rule: (\S+) \((.*)\)$/.exec(lines[place + 2] ?? "") ?? [];
    const end = line.indexOf(": ");
    if (end < 0 || fix === undefined || rule === undefined) return [];
    return {
      rule,
      severity,
      field: line.slice(0, end).trim(),
      message: line.slice(end + 2),
      fix,
      source: source!,
    };
  });
}
