/** An adoption, for people. */
import { stringify } from "yaml";
import type { Choice } from "../choice.ts";
import { commentLines } from "../choice.ts";
import type { Obstacle } from "./adoption.ts";
import { describeChanges, type Told } from "./changes.ts";
import type { Conflict } from "./stackText.ts";

/** What is going to be done, as the JSON has it. */
export interface Plan {
  readonly stack: string;
  readonly file: string;
  /** What the stack's file gets. */
  readonly choices: readonly Choice[];
  /** What it gets encrypted, by its path. */
  readonly secrets: readonly string[];
  /** What becomes the stack's as it is, and whose it has been. */
  readonly imported: readonly { readonly name: string; readonly owner: string | undefined }[];
  /** What is written to the cluster before that, one sentence each. */
  readonly prepared: readonly string[];
  readonly changes: readonly Told[];
  /** What goes on beside the stack. */
  readonly left: readonly string[];
  /** What others have to forget, each with the way, one sentence each. */
  readonly forgotten: readonly string[];
}

export function describeObstacles(obstacles: readonly Obstacle[]): string {
  return [
    "This mesh cannot be adopted as it is, and nothing is changed:",
    ...obstacles.flatMap(({ subject, message, fix }) => [`  ${subject}: ${message}`, `    Fix: ${fix}`]),
  ].join("\n");
}

export function describeConflicts(conflicts: readonly Conflict[], file: string): string {
  return [
    `${file} says otherwise than the mesh that runs, and nothing is changed:`,
    ...conflicts.flatMap(({ key, has, wanted }) => [
      `  ${key}: The file has ${JSON.stringify(has)}; the mesh has ${JSON.stringify(wanted)}.`,
      `    Fix: Remove it there, or set it to the mesh's: a change is for pulumi up, once the mesh is adopted.`,
    ]),
  ].join("\n");
}

export function describePlan(plan: Plan): string {
  const { stack, file, choices, secrets, prepared, imported, changes, left, forgotten } = plan;
  const settings = choices.flatMap(({ why, settings }) => [
    ...commentLines(why, "  "),
    ...stringify(settings, { lineWidth: 0 })
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`),
  ]);
  const sections = [
    [`To adopt the mesh into stack ${stack}:`],
    [`${file} gets what it does not say yet:`, ...settings],
    secrets.length === 0 ? [] : ["and, encrypted:", ...secrets.map((path) => `  ${path}`)],
    prepared.length === 0
      ? []
      : [
          "Is written to the cluster first, and changes nothing of what runs:",
          ...prepared.map((line) => `  ${line}`),
        ],
    [
      "Becomes the stack's, as it is:",
      ...imported.map(({ name, owner }) => `  ${name}${owner === undefined ? "" : `, which is ${owner}`}`),
    ],
    changes.length === 0 ? [] : ["pulumi up then makes and changes:", describeChanges(changes)],
    left.length === 0 ? [] : ["Goes on beside the stack:", ...left.map((line) => `  ${line}`)],
    forgotten.length === 0
      ? []
      : ["Is someone else's as well, who has to forget it:", ...forgotten.map((line) => `  ${line}`)],
    ["Nothing is replaced or deleted, and the trust anchors that are distributed stay."],
  ];
  return sections
    .filter(({ length }) => length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}
