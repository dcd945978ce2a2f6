/** Which generations of the trust anchor there are, and which of them signs. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";

/**
 * Checks a list of generations and the signing one; `undefined` where none of them signs.
 *
 * The list goes up: the numbers count the anchors in the order of their making, so the oldest comes first.
 */
export function checkGenerations(generations: readonly number[], signing: number | undefined): Finding[] {
  const findings: Finding[] = [];
  const listed = `[${generations.join(", ")}]`;
  const counts = generations.every((generation) => Number.isSafeInteger(generation) && generation >= 1);
  const ascends = generations.every(
    (generation, index) => index === 0 || generation > generations[index - 1]!,
  );
  if (generations.length === 0 || !counts || !ascends) {
    findings.push(
      broken("anchor-generations", {
        field: "trustAnchorGenerations",
        message: `${listed} is not a list of whole numbers from 1 on, each once, oldest first.`,
        fix: "Write for example [1], or [1, 2] while the second generation replaces the first.",
      }),
    );
  }
  if (signing !== undefined && !generations.includes(signing)) {
    findings.push(
      broken("signing-generation", {
        field: "signingGeneration",
        message: `${signing} is not among trustAnchorGenerations ${listed}: no proxy would trust what it signs.`,
        fix: "Add it to trustAnchorGenerations, or name one that is there.",
      }),
    );
  }
  return findings;
}
