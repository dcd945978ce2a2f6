/** Where a rotation is, what comes next, and what that waits for: for people, and as JSON. */
import type { Seen } from "../../mesh/rotationEvidence.ts";
import { type Gate, isThrough } from "../../rules/rotation/gates.ts";
import { type Pace, paceOf } from "../../rules/rotation/pace.ts";
import { describeStage, type Stage } from "../../rules/rotation/stage.ts";
import { type Edit, editOf, lacksNext, type Step, type StepName } from "../../rules/rotation/steps.ts";
import { formatSpan, formatTable, formatTime } from "../format.ts";
import { handoverOf } from "./handover.ts";
import type { Stack } from "./stack.ts";
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
  /** What whoever signs elsewhere is to do, in place of an edit here; absent of a step that is the stack's own. */
  readonly handover?: readonly string[];
  /** Whether the step takes an anchor that whoever signs elsewhere has to give. */
  readonly lacksNext: boolean;
  readonly gates: readonly Gate[];
  /** How the pods come to hold the newest generation; absent where it is the only one, or not in the bundle yet. */
  readonly pace?: Pace;
}

/** The command that takes a step. */
export const commands = {
  begin: "begin",
  distrust: "begin --distrust",
  activate: "activate",
  settle: "finish",
  retire: "finish",
  recall: "abort",
  withdraw: "abort",
  drop: "abort",
} as const satisfies Readonly<Record<StepName, string>>;

/** Whether nothing stands against the next step. */
export const isOpen = ({ gates, seen }: Plan) =>
  seen.pending.length === 0 && gates.every((gate) => gate.isOpen);

/** Whether the next step may be taken here. */
export const mayTake = (plan: Plan) => isOpen(plan) && plan.handover === undefined;

/** By when a rotation has to be over: every proxy fails at the end of what vouches for the issuer. */
function deadlineOf({ stage, seen }: Pick<Plan, "stage" | "seen">): Date | undefined {
  const ends = stage.crossSigned.flatMap(({ by }) => seen.roots.get(by)?.x509.validToDate ?? []);
  return ends.toSorted((one, other) => one.getTime() - other.getTime())[0];
}

export function planOf(
  {
    name,
    stage,
    isHeld,
    settings,
    mesh,
  }: Pick<Stack, "name" | "stage" | "isHeld" | "settings"> & {
    readonly mesh: Pick<Stack["mesh"], "namespace">;
  },
  seen: Seen,
  next: Step,
  gates: readonly Gate[],
): Plan {
  const lacks = next.name === "begin" && lacksNext(stage, settings);
  const edit = editOf(next.name, stage, settings, lacks ? { certificateFile: "<pem>" } : undefined);
  const handover = handoverOf(next, stage, settings, seen, mesh.namespace);
  const plan = {
    ...{ stack: name, stage, isHeld, seen, next, gates, edit, lacksNext: lacks },
    ...(handover && { handover }),
  };
  const newest = stage.generations.at(-1)!;
  if (stage.name === "idle" || !seen.roots.has(newest)) return plan;
  const holds = (anchors: Parameters<typeof isThrough>[0]) =>
    isThrough(anchors, newest, seen, stage.name === "distrusted");
  return { ...plan, pace: paceOf(holds, seen.held, mesh.namespace, seen.time) };
}

/** As SPIRE does it: not in the first half of a life, nor more than two years before its end. */
const earliestMilliseconds = 2 * 365 * 86_400_000;

/** What the one generation is, and when it is time for the next; for those who have never heard of either. */
function describeAnchor({ stage, seen }: Plan): readonly string[] {
  const root = seen.roots.get(stage.signing);
  if (stage.name !== "idle" || root === undefined) return [];
  const [from, end] = [root.x509.validFromDate.getTime(), root.x509.validToDate.getTime()];
  const due = new Date(Math.max((from + end) / 2, end - earliestMilliseconds));
  const verb = end > seen.time.getTime() ? "ends" : "ended";
  const time =
    due > seen.time
      ? `It need not be replaced before ${formatTime(due)}, and can be.`
      : "It is time for the next.";
  return [
    `A generation is a trust anchor: the root certificate by which the pods of the mesh recognise each other. Generation ${stage.signing} ${verb} at ${formatTime(new Date(end))}. ${time}`,
  ];
}

export function describePlan(plan: Plan): string {
  const { stack, stage, seen, next, edit, gates, handover } = plan;
  const deadline = deadlineOf(plan);
  const intention =
    seen.pending.length > 0
      ? ["The cluster is not yet as the stack says:", ...seen.pending.map((reason) => `  ${reason}`)]
      : [
          `Next is to ${next.does}${handover === undefined ? "" : ", which is not done here"}:`,
          ...(handover ?? describeEdit(edit)).map((line) => `  ${line}`),
        ];
  return [
    `Stack ${stack}: ${describeStage(stage)}.`,
    ...describeAnchor(plan),
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
    ...describePace(plan, deadline),
    ...(plan.isHeld && next.name === "settle"
      ? [
          "crossSignTrustAnchors: true stands in the stack's file, as it does when this step has been taken back: run leaves it to you.",
        ]
      : []),
    describeCommand(plan),
  ].join("\n");
}

/** What to type now, or when. */
function describeCommand(plan: Plan): string {
  const { seen, next, handover, lacksNext: lacks } = plan;
  if (seen.pending.length > 0) return "Type: pulumi up (or npm run -s rotate -- run, which does it first)";
  const fixes = plan.gates.flatMap(({ isOpen: open, fix }) => (open ? [] : (fix ?? [])));
  if (fixes.length > 0) return fixes.join("\n");
  const command = `npm run -s rotate -- ${commands[next.name]}${lacks ? " --certificate-file <pem>" : ""}`;
  const once = handover === undefined ? "Then type" : "Only then is it safe, and when it has been done, type";
  if (!isOpen(plan)) {
    return `There is nothing to type until each ✗ has become a ✓; npm run -s rotate -- plan looks again. ${once}: ${command}`;
  }
  return handover === undefined
    ? `Nothing stands against it. Type: ${command}`
    : `Nothing stands against it: it is safe now. When it has been done, type: ${command}`;
}

function describeGate({ isOpen: open, demand, seen }: Gate): string {
  return `  ${open ? "✓" : "✗"} ${demand}\n      ${seen}`;
}

const mostWaiting = 10;

/** What the rotation waits for, and for how long. */
function describePace({ pace, stage, seen: { time } }: Plan, deadline: Date | undefined): readonly string[] {
  if (pace === undefined || pace.waiting.length === 0) return [];
  const { waiting, restarted, all, since, throughAt } = pace;
  const newest = `generation ${stage.generations.at(-1)}`;
  const rows = waiting
    .slice(0, mostWaiting)
    .map(({ workload: { kind, namespace, name }, pods, startedAt }) => [
      kind,
      `${namespace}/${name}`,
      pods === 1 ? "1 pod" : `${pods} pods`,
      `running for ${formatSpan(time.getTime() - startedAt.getTime())}`,
    ]);
  const others = waiting.length - rows.length;
  const isLate = throughAt !== undefined && deadline !== undefined && throughAt > deadline;
  return [
    `To be restarted until they hold ${newest}, those that have run longest first:`,
    ...formatTable(rows)
      .split("\n")
      .map((row) => `  ${row}`),
    ...(others > 0 ? [`  and ${others} more workloads: --json lists all`] : []),
    ...(since === undefined
      ? []
      : [`${restarted} of ${all} pods hold it after ${formatSpan(time.getTime() - since.getTime())}.`]),
    ...(throughAt === undefined ? [] : [`At this pace, the last one does by ${formatTime(throughAt)}.`]),
    ...(isLate ? ["That is too late. To restart them sooner: npm run -s rotate -- finish --restart"] : []),
    "",
  ];
}

export function planJson(plan: Plan): string {
  const { stack, stage, seen, next, gates, pace, handover } = plan;
  const { name, generations, signing, crossSigned } = stage;
  const result = {
    stack,
    stage: name,
    generations,
    signingGeneration: signing,
    vouchedForBy: crossSigned.map(({ by }) => by),
    deadline: deadlineOf(plan),
    pending: seen.pending,
    pace,
    next: {
      step: next.name,
      command: commands[next.name],
      isOpen: isOpen(plan),
      gates,
      edit: describeEdit(plan.edit),
      handover,
    },
  };
  return JSON.stringify(result, undefined, 2);
}
