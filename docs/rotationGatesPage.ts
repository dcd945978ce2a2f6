/** The tables in `docs/rotation-gates.md`: each way past a gate, and the words in which it is refused. */
import { withPart } from "./markedPart.ts";
import { type Refusal, refusals } from "./rotationRefusals.ts";

/** The page as it should be, given what it is. */
export function withRefusals(page: string): string {
  return Object.entries<Readonly<Record<string, Refusal>>>(refusals).reduce(
    (written, [group, ways]) => withPart(written, group, tableOf(ways)),
    page,
  );
}

function tableOf(ways: Readonly<Record<string, Refusal>>): string {
  const rows = Object.values(ways).map(({ does, words }) => `| ${does} | ${escaped(words)} |`);
  return ["", "| What someone does | What they are told |", "|---|---|", ...rows, ""].join("\n");
}

/** A text of no page's own, in a table's cell. */
export const escaped = (text: string) => text.replaceAll(/[<>*_|[\]]/g, "\\$&");
