/** Refusing settings: at once where their values are plain, and as soon as they are known where they are Outputs. */
import * as pulumi from "@pulumi/pulumi";
import { describeFinding, describeFindings, type Finding } from "../rules/finding.ts";

/** What one component warns of, another that is made of the same settings finds again. */
const warned = new Set<string>();

/**
 * Passes where there are no errors among the findings. Warnings are logged, each once.
 *
 * @throws pulumi.RunError with every error, its field and its fix. Pulumi shows its message alone, without a stack.
 */
export function requireSound(findings: readonly Finding[]): void {
  for (const finding of findings.filter(({ severity }) => severity === "warning")) {
    const warning = describeFinding(finding);
    if (!warned.has(warning)) pulumi.log.warn(warning);
    warned.add(warning);
  }
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new pulumi.RunError(describeFindings(errors));
}

/** The value of an input that is known now; `undefined` for one that only the engine will know. */
export function plain<T extends string | number | boolean>(
  input: pulumi.Input<T> | undefined,
): T | undefined {
  return input === undefined || pulumi.Output.isInstance(input) || input instanceof Promise
    ? undefined
    : input;
}

/**
 * Gives inputs back under a check: what uses them waits until all are known and sound together.
 *
 * Where all are plain, the check runs now, and they come back as they are.
 *
 * @throws pulumi.RunError as {@link requireSound} does; where an input is an Output, that Output fails with it.
 */
export function sound<Name extends string>(
  inputs: Readonly<Record<Name, pulumi.Input<string>>>,
  check: (values: Readonly<Record<Name, string>>) => readonly Finding[],
): Readonly<Record<Name, pulumi.Input<string>>> {
  if (Object.values(inputs).every((input) => plain(input as pulumi.Input<string>) !== undefined)) {
    requireSound(check(inputs as Record<Name, string>));
    return inputs;
  }
  const checked = pulumi.all(inputs as Record<string, pulumi.Input<string>>).apply((values) => {
    requireSound(check(values as Record<Name, string>));
    return values;
  });
  const names = Object.keys(inputs) as Name[];
  return Object.fromEntries(names.map((name) => [name, checked.apply((values) => values[name]!)])) as Record<
    Name,
    pulumi.Output<string>
  >;
}
