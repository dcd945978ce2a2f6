/** The shape of settings that are objects, or a choice. */
import type { Finding } from "../finding.ts";
import { isLater, isPlainObject } from "../known.ts";
import { broken } from "../rules.ts";

/** Checks that an object has these parts and no others, each a string that is not empty as far as it is known. */
export function checkParts(
  field: string,
  value: unknown,
  required: readonly string[],
  optional: readonly string[],
): Finding[] {
  const names = [...required, ...optional];
  if (isLater(value)) return [];
  if (!isPlainObject(value)) {
    const message = `This must be an object with ${names.join(", ")}.`;
    return [broken("setting-parts", { field, message, fix: `Write an object with ${required.join(", ")}.` })];
  }
  const fault = (name: string, message: string, fix = `Set ${field}.${name} to a string.`) =>
    broken("setting-parts", { field: `${field}.${name}`, message, fix });
  const unknown = Object.keys(value).filter((name) => !names.includes(name));
  const missing = required.filter((name) => value[name] === undefined);
  const given = names.filter((name) => value[name] !== undefined);
  return [
    ...unknown.map((name) =>
      fault(name, "There is no such part.", `Remove it; the parts are ${names.join(", ")}.`),
    ),
    // A part with a wrong name is not missing as well.
    ...missing.slice(unknown.length).map((name) => fault(name, "This part is missing.")),
    ...given
      .filter((name) => !mayBeText(value[name]))
      .map((name) => fault(name, "This must be a string, and not empty.")),
  ];
}

/** Checks that a setting is one of its choices: a stack's configuration, or JavaScript, can say anything. */
export function checkChoice(
  rule: "trust-anchor-source" | "identity-issuer-source",
  field: string,
  value: string,
  choices: readonly string[],
): Finding[] {
  if (choices.includes(value)) return [];
  const allowed = choices.map((choice) => `"${choice}"`).join(" or ");
  return [
    broken(rule, {
      field,
      message: `This must be ${allowed}; it is "${value}".`,
      fix: `Set it to ${allowed}.`,
    }),
  ];
}

const mayBeText = (part: unknown) => (typeof part === "string" ? part !== "" : isLater(part));
