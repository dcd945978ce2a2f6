/** `docs/configuration.md`: every setting that `Pulumi.yaml` declares, in the groups that its comments begin. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isMap, isScalar, parseDocument, stringify } from "yaml";
import { settingExamples } from "./settingExamples.ts";

const projectFile = resolve(import.meta.dirname, "..", "Pulumi.yaml");

interface Declaration {
  readonly type: string;
  readonly items?: { readonly type: string };
  readonly default: unknown;
  readonly description: string;
  readonly secret?: boolean;
}

interface Setting extends Declaration {
  readonly key: string;
  /** Title of its group. */
  readonly group: string;
}

/** The page as it should be. */
export function configurationPage(): string {
  const groups = Object.entries(Object.groupBy(readSettings(), ({ group }) => group));
  const written = groups.map(
    ([group, settings = []]) => `
## ${group}

| Setting | Type and range | Default | Example | Meaning |
|---|---|---|---|---|
${settings.map(row).join("\n")}
`,
  );
  return `<!-- Written by \`npm run -s tables\` from Pulumi.yaml and docs/settingExamples.ts. -->
# Configuration

Every setting of a stack, in its file \`Pulumi.<stack>.yaml\`. All have a default: a stack that sets nothing is a complete mesh.
[What a change does](changes.md) says what a change of each means for a mesh that runs.

A text, a number or a boolean is set by its key. A list or an object is set by its parts, each by its path; as a text,
Pulumi refuses it:

<!-- run by test/cluster/life.cluster.test.ts -->
\`\`\`sh
pulumi config set issuerDuration 72h
pulumi config set --path 'trustAnchorGenerations[0]' 1
pulumi config set --path 'trustAnchorGenerations[1]' 2
pulumi config set --path linkerdControlPlaneValues.proxy.logLevel warn
npm run -s check -- --offline
\`\`\`

A key that is not listed here, a wrong type or a malformed value is an error before anything is touched. \`check\` finds it without
a cluster, and [Errors and warnings](errors.md) has every rule.

A *duration* is written as Go writes it: \`48h\`, \`59m30s\`. A *program* made by \`pulumi new\` passes the same settings as
arguments, in groups: [As a package](package.md).
${written.join("")}`;
}

function readSettings(): Setting[] {
  const config = parseDocument(readFileSync(projectFile, "utf8")).get("config");
  if (!isMap(config)) throw new Error("Pulumi.yaml declares no config.");
  let group = "";
  return config.items.map(({ key, value }, index) => {
    if (!isScalar(key) || !isMap(value)) throw new Error("Pulumi.yaml's config is no map of declarations.");
    // The library has the comment of the first key at the map that it begins.
    const title = index === 0 ? config.commentBefore : key.commentBefore;
    group = title?.trim() ?? group;
    return { key: String(key.value), group, ...(value.toJSON() as Declaration) };
  });
}

function row({ key, type, items, default: value, description, secret }: Setting): string {
  const { range, example, with: besides } = exampleOf(key, type, value);
  const cells = [
    `\`${key}\``,
    `${type === "array" ? `list of ${items?.type}` : type}${secret ? ", secret" : ""}${range === undefined ? "" : `: ${range}`}`,
    value === "" ? "" : `\`${flow(value)}\``,
    `\`${flow(example)}\`${besides === undefined ? "" : ` with ${besides}`}`,
    description.trim().replaceAll(/\s+/g, " "),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

interface Example {
  /** Absent for a boolean, which can be two things. */
  readonly range?: string;
  readonly example: unknown;
  readonly with?: string;
}

function exampleOf(key: string, type: string, value: unknown): Example {
  if (type === "boolean") return { example: !value };
  const found = settingExamples[key];
  if (found === undefined)
    throw new Error(`docs/settingExamples.ts lacks ${key}, which Pulumi.yaml declares.`);
  const { range, example, with: besides } = found;
  if (besides === undefined) return { range, example };
  const beside = Object.entries(besides).map(([name, part]) => `\`${name}: ${flow(part)}\``);
  return { range, example, with: beside.join(", ") };
}

/** A value as a stack's file has it, on one line. */
const flow = (value: unknown) =>
  stringify(value, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 }).trim();
