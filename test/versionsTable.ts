/**
 * `docs/versions.md`, made from the table of chart families.
 *
 *     node test/versionsTable.ts     writes it
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type ChartFamily, chartFamilies, hasCrdsChart } from "../components/chartFamilies.ts";

const file = resolve(import.meta.dirname, "..", "docs", "versions.md");

/** The page as it is. */
export function readVersionsPage(): string {
  return readFileSync(file, "utf8");
}

/** The page as it should be. */
export function versionsPage(): string {
  const yes = (value: boolean) => (value ? "yes" : "–");
  const rows: readonly (readonly [string, (family: ChartFamily) => string])[] = [
    ["Linkerd", ({ linkerd }) => linkerd],
    ["Chart", ({ chart }) => `\`${chart}\``],
    ["Chart versions", ({ from, below }) => `${from.join(".")} ≤ v${below ? ` < ${below.join(".")}` : ""}`],
    ["Mesh-wide values", ({ root }) => (root === "" ? "at the top" : `below \`${root}\``)],
    ["Own chart of definitions", (family) => yes(hasCrdsChart(family))],
    ["`installNamespace`", ({ ownsNamespace }) => (ownsNamespace ? "set to false" : "refused")],
    ["`identity.issuer.crtExpiry`", ({ crtExpiry }) => (crtExpiry ? "for linkerd.io/tls only" : "gone")],
    ["`identity.externalCA`", ({ externalCA }) => yes(externalCA)],
    ["Issuer must be a CA", ({ enforcesIsCa }) => yes(enforcesIsCa)],
    ["`injectCaFrom`", ({ injectCaFrom }) => yes(injectCaFrom)],
    ["Gateway API by", ({ gatewayApi }) => (gatewayApi === undefined ? "–" : `\`${gatewayApi}\``)],
    [
      "Kubernetes",
      ({ kubernetes: { from, through, why } }) =>
        through === undefined ? `≥ 1.${from}` : `1.${from}–1.${through}: ${why}`,
    ],
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return `<!-- Written by \`npm run -s tables\` from components/chartFamilies.ts. -->
# Which Linkerd

What each family of Linkerd's charts accepts. The values of the control plane are made from this table; the family
follows from the chart's name and version, or from the name of a local archive, \`<name>-<version>.tgz\`. No chart has a
schema for its values, so Helm drops in silence what the chart does not know: here it is refused.

${line(rows.map(([title]) => title))}
${line(rows.map(() => "---"))}
${chartFamilies.map((family) => line(rows.map(([, cell]) => cell(family)))).join("\n")}
`;
}

if (import.meta.main) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, versionsPage());
}
