/**
 * The pages that are made from the code, in whole or in part.
 *
 *     node docs/pages.ts     writes them
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { withAlerts } from "./alertsPage.ts";
import { changesPage } from "./changesPage.ts";
import { configurationPage } from "./configurationPage.ts";
import { dashboardFile } from "./dashboard.ts";
import { errorsPage } from "./errorsPage.ts";
import { withExampleStacks } from "./exampleStacks.ts";
import { withGuardrails } from "./guardrailsPage.ts";
import { oraclePage } from "./oraclePage.ts";
import { withRecoveries } from "./recoveryPage.ts";
import { withComment } from "./reviewPage.ts";
import { withRefusals } from "./rotationGatesPage.ts";
import { readRotations, rotationProofPage } from "./rotationProofPage.ts";
import { terminalPicture } from "./terminalPicture.ts";
import { versionsPage } from "./versionsTable.ts";

/** What each page should be, given what it is. */
export const pages: Readonly<Record<string, (page: string) => string>> = {
  "components/dashboard.json": dashboardFile,
  "docs/alerts.md": withAlerts,
  "docs/configuration.md": configurationPage,
  "docs/changes.md": changesPage,
  "docs/environments.md": withExampleStacks,
  "docs/errors.md": errorsPage,
  "docs/guardrails.md": withGuardrails,
  "docs/oracle.md": oraclePage,
  "docs/recovery.md": withRecoveries,
  "docs/review.md": withComment,
  "docs/rotation-gates.md": withRefusals,
  "docs/rotation-proof.md": () => rotationProofPage(readRotations()),
  "docs/terminal.svg": terminalPicture,
  "docs/versions.md": versionsPage,
};

/** A page as it is. */
export function readPage(path: string): string {
  return readFileSync(pathOf(path), "utf8");
}

const pathOf = (path: string) => resolve(import.meta.dirname, "..", path);

if (import.meta.main) {
  for (const [path, made] of Object.entries(pages)) writeFileSync(pathOf(path), made(readPage(path)));
}
