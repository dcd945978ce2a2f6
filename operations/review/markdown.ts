/**
 * A review as Markdown, for a comment on a pull request.
 *
 * What is not the review's own words is code, in a span or in a block, where neither GitHub nor GitLab obeys anything: no
 * markup, no mention, no link. No such text has a line break (outside.ts), none holds the fence around it, and none begins a
 * line: GitLab looks for its commands, such as /merge, at the beginning of lines, and knows few fences.
 */
import { describeFinding, type Finding } from "../../rules/finding.ts";
import { outside } from "../outside.ts";
import type { Change, Difference } from "../preview.ts";
import { type Sentence, textOf } from "./sentence.ts";
import type { Review } from "./statements.ts";

/** GitHub refuses a comment of more than 65 536 characters, and a workflow may add something of its own. */
const longestCommentCharacters = 60_000;
/** Of findings and messages, so that there is room for the rest. */
const longestBlockCharacters = 20_000;
const longestLineCharacters = 1000;

/** By this line, its last, a comment is found when it is to be updated. No text from outside can hold it. */
export const markerOf = (stack: string) => `<!-- linkerd-rotating-tls review: ${stack} -->`;

export function markdownOf(review: Review): string {
  const { stack, title, statements, findings, messages, changes } = review;
  const head = [
    `### ${code(stack)}: ${inline(title)}`,
    ...statements.map(({ about, says }) => `- **${about}:** ${inline(says)}`),
    ...block(
      "text",
      [
        ...findings.flatMap(linesOf),
        ...messages.flatMap((message) => message.split("\n").map((line) => `| ${line}`)),
      ],
      longestBlockCharacters,
    ),
  ].join("\n");
  const marker = markerOf(stack);
  if (changes.length === 0) return `${head}\n\n${marker}\n`;
  const summary = `\n\n<details><summary>Pulumi's diff: ${countsOf(changes)}</summary>\n`;
  const end = `\n\n</details>\n\n${marker}\n`;
  const room = longestCommentCharacters - head.length - summary.length - end.length;
  return `${head}${summary}${block("diff", changes.flatMap(diffOf), room).join("\n")}${end}`;
}

/** A finding, whose texts are a line each. */
function linesOf({ severity, ...texts }: Finding): string[] {
  const field = outside(texts.field, longestLineCharacters);
  const message = outside(texts.message, longestLineCharacters);
  const fix = outside(texts.fix, longestLineCharacters);
  const [rule, source] = [outside(texts.rule), outside(texts.source)];
  const described = describeFinding({ severity, field, message, fix, rule, source });
  return `${severity === "error" ? "Error" : "Warning"}: ${described}`.split("\n");
}

/** Our own words as they are, and all else as code. */
const inline = (sentence: Sentence) =>
  sentence.map((part) => (typeof part === "string" ? part : code(part.value))).join("");

/** A span of code around any text in one line. */
function code(text: string): string {
  const fence = "`".repeat(longestRun(text) + 1);
  // CommonMark takes one space from each end.
  const padding = /^[` ]|[` ]$/.test(text) ? " " : "";
  return `${fence}${padding}${text || " "}${padding}${fence}`;
}

const longestRun = (text: string) => Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));

/** A block of code, whose lines are from outside, up to so many characters; nothing for no lines. */
function block(language: string, lines: readonly string[], longestCharacters: number): string[] {
  if (lines.length === 0) return [];
  const shown = lines.map((line) => outside(line, longestLineCharacters));
  const fence = "`".repeat(Math.max(3, longestRun(shown.join("\n")) + 1));
  let left = longestCharacters - 2 * fence.length - 200;
  const kept = shown.filter((line) => {
    left -= line.length + 1;
    return left > 0;
  });
  const cut = lines.length - kept.length;
  return [
    "",
    `${fence}${language}`,
    ...kept,
    fence,
    ...(cut === 0 ? [] : ["", `*${cut} more lines are left out here: a comment holds no more.*`]),
  ];
}

const signs: Readonly<Record<Change["operation"], string>> = {
  create: "+ create",
  import: "+ import",
  delete: "- delete",
  replace: "- replace",
  update: "~ update",
  unprotect: "~ unprotect",
  protect: "~ protect",
  other: "~ other",
};

function countsOf(changes: readonly Change[]): string {
  const counts = Object.entries(signs).map(([operation, sign]): [number, string] => [
    changes.filter((change) => change.operation === operation).length,
    sign.slice(2),
  ]);
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} to ${what}`)
    .join(", ");
}

const diffOf = ({ operation, type, name, differences }: Change) => [
  `${signs[operation]} ${type} ${name}`,
  ...differences.map((difference) => `${kinds[difference.kind]}     ${differenceOf(difference)}`),
];

const kinds = { add: "+", update: "~", delete: "-" } as const;

function differenceOf({ path, before, after, replaces }: Difference): string {
  const values = [before, after].filter((value) => value !== undefined).join(" → ");
  return `${path}: ${values}${replaces ? " (replaces it)" : ""}`;
}

/** The same statements as data. */
export function jsonOf({ title, statements, changes, messages, ...review }: Review): string {
  const data = {
    ...review,
    title: textOf(title),
    statements: statements.map(({ about, says }) => ({ about, says: textOf(says) })),
    messages: messages.flatMap((message) => message.split("\n")),
    changes: changes.map(({ before, after, components, ...change }) => change),
  };
  const shown = (_key: string, value: unknown) =>
    typeof value === "string" ? outside(value, longestLineCharacters) : value;
  return JSON.stringify(
    { marker: markerOf(review.stack), ...JSON.parse(JSON.stringify(data, shown)) },
    undefined,
    2,
  );
}
