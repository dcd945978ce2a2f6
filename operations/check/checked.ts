/** What the command `check` says. */
import type { Finding } from "../../rules/finding.ts";

export interface Checked {
  readonly findings: readonly Finding[];
  /** What is as it should be and worth knowing, as sentences. */
  readonly notes: readonly string[];
}
