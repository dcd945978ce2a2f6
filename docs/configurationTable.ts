/** The README's configuration table, made from `Pulumi.yaml`, which declares every setting. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "yaml";

const projectFile = resolve(import.meta.dirname, "..", "Pulumi.yaml");
const begin = "<!-- configuration table: written by `npm run -s tables` -->";
const end = "<!-- end of the configuration table -->";

interface Declaration {
  readonly type: string;
  readonly items?: { readonly type: string };
  readonly default?: unknown;
  readonly description: string;
  readonly secret?: boolean;
}

/** The README as it should be, given what it is. */
export function withConfigurationTable(readme: string): string {
  const [before, rest] = [readme.indexOf(begin), readme.indexOf(end)];
  if (before < 0 || rest < before) throw new Error(`README.md lacks the lines ${begin} and ${end}.`);
  return `${readme.slice(0, before + begin.length)}\n${configurationTable()}\n${readme.slice(rest)}`;
}

function configurationTable(): string {
  const { config } = parse(readFileSync(projectFile, "utf8")) as {
    config: Record<string, Declaration>;
  };
  const rows = Object.entries(config).map(([key, declaration]) => {
    const type = declaration.type === "array" ? `list of ${declaration.items?.type}` : declaration.type;
    const value =
      declaration.default === undefined
        ? ""
        : `\`${JSON.stringify(declaration.default).replaceAll(/^"|"$/g, "")}\``;
    const description = declaration.description.trim().replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
    return `| \`${key}\` | ${type}${declaration.secret ? ", secret" : ""} | ${value} | ${description} |`;
  });
  return ["| Key | Type | Default | Meaning |", "|---|---|---|---|", ...rows].join("\n");
}
