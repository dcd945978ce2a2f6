/** What the command `check` says. */
import type { Vouching } from "../../rules/credentials/vouching.ts";
import { type Finding, verdictOf } from "../../rules/finding.ts";

export interface Checked {
  readonly findings: readonly Finding[];
  /** What is as it should be and worth knowing, as sentences. */
  readonly notes: readonly string[];
}

/** Credentials without an error have a word about who else accepts them. */
export function withVouching(findings: readonly Finding[], vouching: Vouching): Checked {
  if (verdictOf(findings) === "error") return { findings, notes: [] };
  return { findings: [...findings, ...vouching.findings], notes: vouching.notes };
}
