/** The stacks of three environments: files of the template, and the example of `docs/environments.md`. */
import { characters, type Environment, environments } from "../operations/newStack/environments.ts";
import { stackFile } from "../operations/newStack/stackFile.ts";

/** What each environment's stack is called. */
const stacks: Readonly<Record<Environment, string>> = {
  development: "dev",
  staging: "staging",
  production: "prod",
};

const exampleOf = (project: string, environment: Environment) =>
  stackFile(project, {
    environment,
    context: `my-${stacks[environment]}-cluster`,
    trustDomain: "cluster.local",
    credentials: { source: "stack" },
  });

/** The template's files; `pulumi new` puts the project's name into them. */
export const templateStacks: Readonly<Record<string, () => string>> = Object.fromEntries(
  environments.map((environment) => [
    `template/Pulumi.${stacks[environment]}.yaml`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a placeholder of `pulumi new`.
    () => exampleOf("${PROJECT}", environment),
  ]),
);

const marks = (name: string) => [
  `<!-- ${name}: written by \`npm run -s tables\` -->`,
  `<!-- end of ${name} -->`,
];

/** The page as it should be, given what it is. */
export function withExampleStacks(page: string): string {
  const parts = { "the differences": differences(), "the example": example() };
  return Object.entries(parts).reduce((text, [name, content]) => {
    const [begin, end] = marks(name) as [string, string];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/environments.md lacks the lines ${begin} and ${end}.`);
    return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
  }, page);
}

/** What the environments set, where it is not the same in all of them. */
function differences(): string {
  const settings = environments.map((environment) => {
    const { purpose: _, ...choices } = characters[environment];
    return Object.assign({}, ...Object.values(choices).map((choice) => choice.settings)) as Record<
      string,
      unknown
    >;
  });
  const differing = Object.keys(settings[0]!).filter((key) =>
    settings.some((other) => other[key] !== settings[0]![key]),
  );
  const rows = differing.map(
    (key) => `| \`${key}\` | ${settings.map((values) => `\`${values[key]}\``).join(" | ")} |`,
  );
  return [`| | ${environments.join(" | ")} |`, "|---|---|---|---|", ...rows].join("\n");
}

function example(): string {
  return `\`\`\`yaml\n${exampleOf("linkerd-rotating-tls", "staging")}\`\`\``;
}
