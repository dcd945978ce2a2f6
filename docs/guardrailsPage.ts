/**
 * The tables in `docs/guardrails.md`: the rules of the policy pack, each bad change that it refuses, and each edit by hand that the
 * API server does, with the words in which they are refused.
 */
import { type Guardrail, guardrails } from "../policy/guardrails.ts";
import { badChanges } from "./badChanges.ts";
import { handEdits } from "./handEdits.ts";
import { withPart } from "./markedPart.ts";
import { escaped } from "./rotationGatesPage.ts";
import type { Refusal } from "./rotationRefusals.ts";

/** The page as it should be, given what it is. */
export function withGuardrails(page: string): string {
  const tables = {
    "the rules": rulesTable(),
    "the bad changes": changesTable(),
    "the hand edits": editsTable(),
  };
  return Object.entries(tables).reduce((whole, [name, table]) => withPart(whole, name, table), page);
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

function editsTable(): string {
  const rows = handEdits.map(({ does, kubectl, words }) => {
    const command = ["kubectl", ...kubectl.map(quoted)].join(" ").replaceAll("|", "\\|");
    return `| ${does} | \`${command}\` | ${words} |`;
  });
  return tableOf(["What someone does", "As", "What they are told"], rows);
}

/** As one types it. */
const quoted = (text: string) => (/[{}[\]&?*]/.test(text) ? `'${text}'` : text);

const tableOf = (columns: readonly string[], rows: readonly string[]) =>
  ["", `| ${columns.join(" | ")} |`, `|${columns.map(() => "---").join("|")}|`, ...rows, ""].join("\n");
