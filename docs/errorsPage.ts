/** `docs/errors.md`: every rule, with what it demands and how to meet the demand. */
import { withKeys } from "../infra/config.ts";
import { chartRules } from "../rules/charts/rules.ts";
import { credentialRules, crossCertificateRules, storedIssuerRules } from "../rules/credentials/rules.ts";
import type { Rule } from "../rules/finding.ts";
import { lifetimeRules } from "../rules/lifetimes/rules.ts";
import { meshRules } from "../rules/mesh/rules.ts";
import { settingRules } from "../rules/settings/rules.ts";

const sections: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  Settings: settingRules,
  "Lifetimes and renewal": lifetimeRules,
  "Helm charts": chartRules,
  "Certificates and keys": { ...credentialRules, ...crossCertificateRules, ...storedIssuerRules },
  "The cluster": meshRules,
};

/** The page as it should be. */
export function errorsPage(): string {
  const written = Object.entries(sections).map(
    ([title, rules]) => `
## ${title}

| Rule | Severity | Demand | Fix | Source |
|---|---|---|---|---|
${Object.entries(rules)
  .map(([name, { severity = "error", demand, fix, source }]) =>
    row(`\`${name}\``, severity, ...[withKeys(demand), withKeys(fix), source].map(escaped)),
  )
  .join("\n")}
`,
  );
  return `<!-- Written by \`npm run -s tables\` from the tables of rules, rules/*/rules.ts. -->
# Errors and warnings

What \`pulumi up\` and \`npm run -s check\` demand of settings, charts, credentials and clusters. Each finding names its rule,
the value that was found, and a fix, which may be more exact than the one here. Errors without a rule, such as those of a
cluster that does not get ready in time, say themselves what to do.
Some rules are [stricter than Linkerd](oracle.md#where-we-are-stricter).
${written.join("")}`;
}

const row = (...cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const escaped = (text: string) => text.replaceAll(/[<>*_|]/g, "\\$&");
