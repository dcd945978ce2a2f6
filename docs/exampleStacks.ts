/** The stacks of three environments, in `docs/environments.md`. */
import { characters, type Environment, environments } from "../operations/newStack/environments.ts";
import { stackFile } from "../operations/newStack/stackFile.ts";
import { withPart } from "./markedPart.ts";

/** What each environment's stack is called. */
const stacks: Readonly<Record<Environment, string>> = {
  development: "dev",
  staging: "staging",
  production: "prod",
};

/** The page as it should be, given what it is. */
export const withExampleStacks = (page: string): string =>
  withPart(
    withPart(page, "the differences", differences()),
    "the files",
    environments.map(file).join("\n\n"),
  );

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

/** A stack's file, folded. */
function file(environment: Environment): string {
  const stack = stacks[environment];
  const text = stackFile("linkerd-rotating-tls", {
    environment,
    context: `my-${stack}-cluster`,
    trustDomain: "cluster.local",
    credentials: { source: "stack" },
  });
  return `<details>\n<summary><code>Pulumi.${stack}.yaml</code></summary>\n\n\`\`\`yaml\n${text}\`\`\`\n\n</details>`;
}
