/** The shape of settings that are objects. */
import * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../rules/finding.ts";
import { broken } from "../rules/rules.ts";
import { plain } from "./settings.ts";

/** Checks that an object has these parts and no others, each a string that is not empty as far as it is known. */
export function checkParts(
  field: string,
  value: unknown,
  required: readonly string[],
  optional: readonly string[],
): Finding[] {
  if (pulumi.Output.isInstance(value)) return [];
  const known = [...required, ...optional];
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [
      broken("setting-parts", {
        field,
        message: `It is no object with ${known.join(", ")}.`,
        fix: `Write an object with ${required.join(", ")}.`,
      }),
    ];
  }
  const parts = value as Readonly<Record<string, pulumi.Input<string> | undefined>>;
  const unknown = Object.keys(parts)
    .filter((name) => !known.includes(name))
    .map((name) =>
      broken("setting-parts", {
        field: `${field}.${name}`,
        message: "There is no such part.",
        fix: `Remove it; there are ${known.join(", ")}.`,
      }),
    );
  const wrong = known
    .filter((name) => {
      const part = parts[name];
      if (part === undefined) return required.includes(name);
      const text: unknown = plain(part);
      return text !== undefined && (typeof text !== "string" || text === "");
    })
    .map((name) =>
      broken("setting-parts", {
        field: `${field}.${name}`,
        message: parts[name] === undefined ? "It is missing." : "It is not a string, or an empty one.",
        fix: `Set ${field}.${name} to a string.`,
      }),
    );
  return [...unknown, ...wrong];
}
