/** Every rule that settings, credentials and clusters must keep, from the tables of the rooms. */
import { chartRules } from "./charts/rules.ts";
import { credentialRules, crossCertificateRules, storedIssuerRules } from "./credentials/rules.ts";
import type { Finding, Rule } from "./finding.ts";
import { lifetimeRules } from "./lifetimes/rules.ts";
import { meshRules } from "./mesh/rules.ts";
import { printable } from "./printable.ts";
import { settingRules } from "./settings/rules.ts";

export const rules = {
  ...settingRules,
  ...lifetimeRules,
  ...chartRules,
  ...credentialRules,
  ...crossCertificateRules,
  ...storedIssuerRules,
  ...meshRules,
};

/** Longer than any text of this program's own, so only values from outside are cut. */
const longestTextCharacters = 1000;

/** The finding that a rule is broken. Its texts may hold values from outside as they are; `fix` defaults to the rule's. */
export function broken(
  name: keyof typeof rules,
  finding: Pick<Finding, "field" | "message"> & { readonly fix?: string | undefined },
): Finding {
  const { severity = "error", source, stricter, fix }: Rule = rules[name];
  return {
    rule: name,
    severity,
    field: printable(finding.field, longestTextCharacters),
    message: printable(finding.message, longestTextCharacters),
    fix: printable(finding.fix ?? fix, longestTextCharacters),
    source: stricter === undefined ? source : `${source}. Stricter than the identity controller: ${stricter}`,
  };
}
