/** The tables in `docs/guardrails.md`: the rules of the policy pack, and each bad change with the words in which it is refused. */
import { type Guardrail, guardrails } from "../policy/guardrails.ts";
import { badChanges } from "./guardrailRefusals.ts";
import { withPart } from "./markedPart.ts";
import { escaped } from "./rotationGatesPage.ts";
import type { Refusal } from "./rotationRefusals.ts";

/** The page as it should be, given what it is. */
export function withBadChanges(page: string): string {
  return withPart(withPart(page, "the rules", rulesTable()), "the bad changes", changesTable());
}

function rulesTable(): string {
  const rows = Object.entries<Guardrail>(guardrails).map(
    ([name, { demand, resource }]) =>
      `| \`${name}\` | ${demand} | ${resource === undefined ? "the stack, at the end" : "each resource, before it is touched"} |`,
  );
  return tableOf(["Rule", "What it demands", "What it judges"], rows);
}

function changesTable(): string {
  const rows = Object.entries<Readonly<Record<string, Refusal>>>(badChanges).flatMap(([rule, changes]) =>
    Object.values(changes).map(({ does, words }) => `| ${does} | \`${rule}\` | ${escaped(words)} |`),
  );
  return tableOf(["What someone changes", "Rule", "What they are told"], rows);
}

const tableOf = (columns: readonly string[], rows: readonly string[]) =>
  ["", `| ${columns.join(" | ")} |`, `|${columns.map(() => "---").join("|")}|`, ...rows, ""].join("\n");
