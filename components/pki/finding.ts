/** One thing that is not right, in the words that a user sees. */
export interface Finding {
  /** Name of the setting, as it is written in the stack's configuration and in a component's arguments. */
  readonly field: string;
  /** The value that was found, and the rule that it breaks. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** All findings as one text, each with its fix. */
export function describeFindings(findings: readonly Finding[]): string {
  const title =
    findings.length === 1 ? "One setting is not right:" : `${findings.length} settings are not right:`;
  return [title, ...findings.map(({ field, message, fix }) => `  ${field}: ${message}\n    ${fix}`)].join(
    "\n",
  );
}
