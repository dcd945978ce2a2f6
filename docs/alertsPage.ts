/** The alerts on `docs/alerts.md`, from the data that the rules are made of, for a mesh of the defaults. */
import { type Alert, runbookOf } from "../rules/alerts/alert.ts";
import { alertGroups } from "../rules/alerts/groups.ts";
import { alertSettings } from "../rules/alerts/settings.ts";
import { defaults } from "../rules/settings/defaults.ts";
import { withPart } from "./markedPart.ts";

const { controlPlane, cni, identityIssuer, trustAnchor } = defaults;
const settings = alertSettings(
  {
    ...defaults,
    trustDomain: defaults.clusterDomain,
    controlPlane: { ...controlPlane, family: undefined },
    cni: { ...cni, version: undefined },
  },
  {
    namespace: controlPlane.namespace,
    issuerDuration: identityIssuer.duration,
    issuerRenewBefore: identityIssuer.renewBefore,
    issuanceLifetime: identityIssuer.issuanceLifetime,
    rotationAllowance: trustAnchor.rotationAllowance,
  },
);

/** The page as it should be. */
export function withAlerts(page: string): string {
  const written = alertGroups(settings).map(
    ({ title, alerts }) => `### ${title}\n\n${alerts.map(section).join("\n\n")}`,
  );
  return withPart(withPart(page, "list of alerts", table()), "alerts", `${written.join("\n\n")}\n`);
}

function table(): string {
  const rows = alertGroups(settings).flatMap(({ alerts }) =>
    alerts.map((alert) => {
      const link = `[${alert.name}](${runbookOf(alert).replace("docs/alerts.md", "")})`;
      return `| ${link} | ${alert.severity} | ${alert.for ?? "at once"} | ${plain(alert.summary)} |`;
    }),
  );
  return ["| Alert | Severity | If it holds for | Meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function section({ name, expression, description, remedy }: Alert): string {
  return `#### ${name}

${plain(description)}

What to do: ${remedy}

\`\`\`promql
${expression}
\`\`\``;
}

/** Without what Prometheus fills in. */
function plain(text: string): string {
  return text
    .replaceAll(/ *\{\{ with .*?\{\{ end \}\}/g, "")
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, "‹$1›")
    .replaceAll(/\{\{ \$value.*?\}\}/g, "…")
    .replaceAll("….", "…");
}
