/** What a reviewer must know of a preview: statements, in the order of their weight. */
import { countOf } from "../../rules/count.ts";
import { type Finding, parseFindings } from "../../rules/finding.ts";
import { unseenBeginning } from "../../rules/mesh/unseen.ts";
import { rules } from "../../rules/rules.ts";
import type { Change, Preview } from "../preview.ts";
import { restartsOf } from "./restarts.ts";
import { few, listed, own, type Sentence, say } from "./sentence.ts";
import { type Topic, topicsOf } from "./topics.ts";

export interface Review {
  readonly stack: string;
  /** `error` if the preview was refused or failed, or `check` has found errors; `warning` if there is something to know. */
  readonly verdict: "ok" | "warning" | "error";
  /** What would happen, in a few words. */
  readonly title: Sentence;
  /** The first says what is to be decided. */
  readonly statements: readonly Statement[];
  /** What is refused or warned of, by the program and by `check`, each once; errors come first. */
  readonly findings: readonly Finding[];
  /** What else Pulumi says has gone wrong. */
  readonly messages: readonly string[];
  readonly changes: readonly Change[];
}

interface Statement {
  readonly about:
    | "Decide"
    | "Fix"
    | "Restarts"
    | "Credentials"
    | "Rotation"
    | "Gate"
    | "check"
    | "Not seen from here";
  readonly says: Sentence;
}

/** What `check --json` prints. */
export interface CheckResult {
  readonly findings: readonly Finding[];
}

/** What there is to read; a string says why it cannot be read. */
export interface Inputs {
  readonly stack: string;
  readonly preview: Preview | string;
  /** Absent: it was not run. */
  readonly check: CheckResult | string | undefined;
}

export function reviewOf({ stack, preview, check }: Inputs): Review {
  const lead = typeof preview === "string" ? unread(preview) : leadOf(preview);
  const { errors, warnings, changes } =
    typeof preview === "string" ? { errors: [preview], warnings: [], changes: [] } : preview;
  const findings = [
    ...errors.flatMap((message) => parseFindings(message, "error")),
    ...warnings.flatMap((message) => parseFindings(message, "warning")),
    ...(typeof check === "object" ? check.findings : []),
  ];
  const isWrong = errors.length > 0 || typeof check === "string";
  const verdict =
    isWrong || findings.some(({ severity }) => severity === "error")
      ? "error"
      : warnings.length > 0 || findings.length > 0
        ? "warning"
        : "ok";
  return {
    stack,
    verdict,
    title: lead.title,
    statements: [
      ...lead.statements,
      { about: "check", says: checked(check) },
      ...(warnings.some(isUnseen) ? [unseen] : []),
    ],
    findings: distinct(findings),
    messages: [...errors, ...warnings]
      .filter((message) => !isEnd(message) && parseFindings(message, "error").length === 0)
      .map((message) => (isUnseen(message) ? withLooksApart(message) : message)),
    changes,
  };
}

const isUnseen = (message: string) => message.startsWith(unseenBeginning);
/** Each look that failed in a line of its own. */
const withLooksApart = (message: string) =>
  `${unseenBeginning}\n${message
    .slice(unseenBeginning.length)
    .trim()
    .replaceAll(/\. (?=[A-Z])/g, ".\n")}`;
const unseen: Statement = {
  about: "Not seen from here",
  says: own(
    "the cluster, or a part of it; what was looked for is below. `pulumi up` looks again before it changes anything.",
  ),
};
/** Pulumi's last words, which say nothing. */
const isEnd = (message: string) => message === "preview failed";

/** The same is found by a preview and by `check`. */
function distinct(findings: readonly Finding[]): Finding[] {
  const each = new Map(
    findings.map((finding) => [`${finding.rule} ${finding.field} ${finding.message}`, finding]),
  );
  const grave = ({ severity }: Finding) => (severity === "error" ? 0 : 1);
  return [...each.values()].sort((left, right) => grave(left) - grave(right));
}

type Lead = Pick<Review, "title" | "statements">;

function unread(reason: string): Lead {
  return {
    title: own("the preview gave no result"),
    statements: [
      {
        about: "Decide",
        says: own("Nothing can be decided: `pulumi preview` ended before it came to the program."),
      },
      {
        about: "Fix",
        says: say`Read what it says in the log of this job: mostly a login, a passphrase or a stack is missing. ${reason}`,
      },
    ],
  };
}

function leadOf({ changes, errors, warnings }: Preview): Lead {
  if (errors.length > 0) return failed(errors);
  const topics = topicsOf(changes);
  const isUnseenAny = warnings.some(isUnseen);
  if (topics.length === 0) {
    const isSame = changes.length === 0;
    return {
      title: isSame ? own("nothing changes") : own("nothing changes on the cluster"),
      statements: [
        {
          about: "Decide",
          says: isSame
            ? own("Nothing: no resource of this stack would change.")
            : own("Nothing: what changes is in Pulumi's state alone."),
        },
        { about: "Restarts", says: restartsOf(changes) },
      ],
    };
  }
  const gates = new Set(topics.flatMap(({ gate }) => gate ?? []));
  const credentials = topics.flatMap((topic) => (topic.credentials === undefined ? [] : [topic.credentials]));
  return {
    title: titleOf(topics),
    statements: [
      {
        about: "Decide",
        says: listed(
          topics.map(({ decide }) => decide),
          " ",
        ),
      },
      { about: "Restarts", says: restartsOf(changes) },
      {
        about: "Credentials",
        says:
          credentials.length === 0
            ? own("None changes, and nobody's trust is touched.")
            : listed(credentials, " "),
      },
      ...topics.flatMap(({ rotation }): Statement[] =>
        rotation === undefined ? [] : [{ about: "Rotation", says: rotation }],
      ),
      ...[...gates].map((gate): Statement => ({ about: "Gate", says: gated(gate, isUnseenAny) })),
    ],
  };
}

const longestTitle = 3;

function titleOf(topics: readonly Topic[]): Sentence {
  const told = listed(
    topics.slice(0, longestTitle).map(({ title }) => title),
    "; ",
  );
  const more = topics.length - longestTitle;
  return more > 0 ? say`${told}; and ${more} more` : told;
}

/** What a gate says of a change that it has let pass, or has not seen. */
function gated(rule: NonNullable<Topic["gate"]>, isUnseen: boolean): Sentence {
  const { demand } = rules[rule];
  if (rule === "signer-trial") {
    return say`${rule} is asked by \`pulumi up\` alone, before it changes anything. ${own(demand)}`;
  }
  return isUnseen
    ? say`${rule} was not asked, since the cluster could not be looked at. ${own(demand)}`
    : say`${rule} did not refuse this. ${own(demand)}`;
}

function failed(errors: readonly string[]): Lead {
  const refusals = errors.flatMap((message) => parseFindings(message, "error"));
  const [first] = refusals;
  if (first === undefined) {
    return {
      title: own("the preview failed"),
      statements: [
        {
          about: "Decide",
          says: own("Nothing can be approved: Pulumi could not find out what would change."),
        },
        { about: "Fix", says: say`Mend what the first error says, and preview again: ${firstLine(errors)}` },
      ],
    };
  }
  const names = [...new Set(refusals.map(({ rule }) => rule))];
  const rule = Object.hasOwn(rules, first.rule) ? rules[first.rule as keyof typeof rules] : undefined;
  return {
    title: say`refused by ${few(names)}`,
    statements: [
      {
        about: "Decide",
        says: say`Nothing can be approved: \`pulumi up\` would refuse this, too, before it changes anything. ${own(rule?.demand ?? "")}`,
      },
      { about: "Fix", says: say`${first.field}: ${first.fix}` },
    ],
  };
}

const firstLine = (messages: readonly string[]) => messages.join("\n").split("\n")[0]!;

function checked(check: Inputs["check"]): Sentence {
  if (check === undefined) return own("was not run.");
  if (typeof check === "string") return say`gave no result: ${check}`;
  const count = (severity: Finding["severity"]) =>
    check.findings.filter((finding) => finding.severity === severity).length;
  if (check.findings.length === 0) return own("all right: Linkerd can work with this.");
  return own(`${countOf(count("error"), "error")}, ${countOf(count("warning"), "warning")}; see below.`);
}
