/** The option `--trust-domain`. */
import { InvalidArgumentError } from "commander";
import { checkDomain } from "../rules/names.ts";

export function parseTrustDomain(text: string): string {
  const [finding] = checkDomain("--trust-domain", text);
  if (finding !== undefined) throw new InvalidArgumentError(`${finding.message} ${finding.fix}`);
  return text;
}
