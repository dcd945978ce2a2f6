/** The table in `docs/guardrails.md`: each edit by hand that the API server refuses, and its words. */
import { handEdits } from "./guardRefusals.ts";
import { withPart } from "./markedPart.ts";

/** The page as it should be, given what it is. */
export function withHandEdits(page: string): string {
  const rows = handEdits.map(({ does, kubectl, words }) => {
    const command = ["kubectl", ...kubectl.map(quoted)].join(" ").replaceAll("|", "\\|");
    return `| ${does} | \`${command}\` | ${words} |`;
  });
  const table = ["", "| What someone does | As | What they are told |", "|---|---|---|", ...rows, ""];
  return withPart(page, "admission", table.join("\n"));
}

/** As one types it. */
const quoted = (text: string) => (/[{}[\]&?*]/.test(text) ? `'${text}'` : text);
