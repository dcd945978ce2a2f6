/** The verdicts as `linkerd check` shows those of an extension: linkerd2 pkg/healthcheck/healthcheck_output.go. */
import type { Finding } from "../../rules/finding.ts";

interface Check {
  readonly description: string;
  readonly error?: string;
  readonly result: "success" | "warning" | "error";
}

export interface CheckOutput {
  readonly success: boolean;
  readonly categories: readonly { readonly categoryName: string; readonly checks: readonly Check[] }[];
}

const categoryName = "linkerd-credentials";

/** What is checked, and the beginnings of the rules' names that are about it; the first takes all that no other does. */
const descriptions: readonly (readonly [description: string, rules: RegExp])[] = [
  ["trust anchors and identity issuer are valid", /^$/],
  [
    "what renews the credentials is there, and does",
    /^(certificate-(issued|ready|renewed|exists)|stored-certificate|issuer-(exists|ready|secret)|cert-manager-running)$/,
  ],
  [
    "every identity controller has loaded the issuer that is stored",
    /^(controller-|issuer-(loaded|refused)|leaf-life)/,
  ],
  ["every webhook serves a certificate that the API server accepts", /^webhook-/],
  ["every meshed pod accepts what identity signs", /^pods-/],
  ["the proxies' own certificates are alive", /^leaf-/],
  ["all of it could be seen", /^status-known$/],
];

/** A check for each description, or for each finding about it. */
export function checkOutput(problems: readonly Finding[]): CheckOutput {
  const placeOf = ({ rule }: Finding) =>
    Math.max(
      0,
      descriptions.findIndex(([, rules]) => rules.test(rule)),
    );
  const checks = descriptions.flatMap(([description], place): readonly Check[] => {
    const found = problems.filter((finding) => placeOf(finding) === place);
    if (found.length === 0) return [{ description, result: "success" }];
    return found.map(({ severity, field, message, fix }) => ({
      description,
      error: `${field}: ${message}\n    Fix: ${fix}`,
      result: severity,
    }));
  });
  return {
    success: checks.every(({ result }) => result !== "error"),
    categories: [{ categoryName, checks }],
  };
}

/** Of a mesh that cannot be looked at. */
export function failedCheck(error: string): CheckOutput {
  const checks: readonly Check[] = [{ description: "the mesh can be looked at", error, result: "error" }];
  return { success: false, categories: [{ categoryName, checks }] };
}

const symbols = { success: "√", warning: "‼", error: "×" } as const;

/** As `linkerd check` prints it. */
export function printCheck({ success, categories }: CheckOutput): string {
  return [
    ...categories.flatMap(({ categoryName: name, checks }) => [
      name,
      "-".repeat(name.length),
      ...checks.flatMap(({ description, result, error }) => [
        `${symbols[result]} ${description}`,
        ...(error === undefined ? [] : [`    ${error}`]),
      ]),
      "",
    ]),
    `Status check results are ${success ? symbols.success : symbols.error}`,
  ].join("\n");
}
