/** Where a rotation is, what comes next, and what that waits for: for people, and as JSON. */

import type { Seen } from "../../mesh/rotationEvidence.ts";
import type { Gate } from "../../rules/rotation/gates.ts";
import { describeStage, type Stage } from "../../rules/rotation/stage.ts";
import type { Edit, Step } from "../../rules/rotation/steps.ts";
import { formatTime } from "../format.ts";
import { describeEdit } from "./stackEdit.ts";

/** A rotation as it is seen now. */
export interface Plan {
  readonly stack: string;
  readonly stage: Stage;
  /** Whether the stack's file says that generations go on vouching. */
  readonly isHeld: boolean;
  readonly seen: Seen;
  /** The step that goes on from here. */
  readonly next: Step;
  readonly edit: Edit;
  readonly gates: readonly Gate[];
}

/** The command that takes the next step. */
const commands = {
  begin: "begin",
  distrust: "begin --distrust",
  activate: "activate",
  settle: "finish",
  retire: "finish",
  recall: "abort",
  withdraw: "abort",
  drop: "abort",
} as const;

/** Whether the next step may be taken. */
export const isOpen = ({ gates, seen }: Plan) =>
  seen.pending.length === 0 && gates.every((gate) => gate.isOpen);

/** By when a rotation has to be over: every proxy fails at the end of what vouches for the issuer. */
function deadlineOf({ stage, seen }: Pick<Plan, "stage" | "seen">): Date | undefined {
  const ends = stage.crossSigned.flatMap(({ by }) => seen.roots.get(by)?.x509.validToDate ?? []);
  return ends.toSorted((one, other) => one.getTime() - other.getTime())[0];
}

export function describePlan(plan: Plan): string {
  const { stack, stage, seen, next, edit, gates } = plan;
  const deadline = deadlineOf(plan);
  const command = `npm run -s rotate -- ${commands[next.name]}`;
  const intention =
    seen.pending.length > 0
      ? ["The cluster is not yet as the stack says:", ...seen.pending.map((reason) => `  ${reason}`)]
      : [`Next is to ${next.does}:`, ...describeEdit(edit).map((line) => `  ${line}`)];
  return [
    `Stack ${stack}: ${describeStage(stage)}.`,
    ...(deadline === undefined
      ? []
      : [
          `It has to be over by ${formatTime(deadline)}: at the end of what vouches for it, every proxy fails.`,
        ]),
    "",
    ...intention,
    "",
    ...(seen.pending.length > 0 ? [] : gates.map(describeGate)),
    "",
    ...(plan.isHeld && next.name === "settle"
      ? [
          "crossSignTrustAnchors: true stands in the stack's file, as it does when this step has been taken back: run leaves it to you.",
        ]
      : []),
    seen.pending.length > 0
      ? "Type: pulumi up (or npm run -s rotate -- run, which does it first)"
      : isOpen(plan)
        ? `Nothing stands against it. Type: ${command}`
        : `It waits. When it no longer does, type: ${command}`,
  ].join("\n");
}

function describeGate({ isOpen: open, demand, seen }: Gate): string {
  return `  ${open ? "✓" : "✗"} ${demand}\n      ${seen}`;
}

export function planJson(plan: Plan): string {
  const { stack, stage, seen, next, gates } = plan;
  const { name, generations, signing, crossSigned } = stage;
  const result = {
    stack,
    stage: name,
    generations,
    signingGeneration: signing,
    vouchedForBy: crossSigned.map(({ by }) => by),
    deadline: deadlineOf(plan),
    pending: seen.pending,
    next: {
      step: next.name,
      command: commands[next.name],
      isOpen: isOpen(plan),
      gates,
      edit: describeEdit(plan.edit),
    },
  };
  return JSON.stringify(result, undefined, 2);
}
