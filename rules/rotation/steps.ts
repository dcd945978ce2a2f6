/** The steps of a rotation: from which stage each starts, and the one edit of the stack's settings that it is. */
import type { Settings } from "../settings/settings.ts";
import type { Stage, StageName } from "./stage.ts";

export type StepName =
  | "begin"
  | "distrust"
  | "activate"
  | "settle"
  | "retire"
  | "recall"
  | "withdraw"
  | "drop";

/** The settings that a step changes, of the group `trustAnchor`; `undefined` for one that gets its default again. */
export interface Edit {
  readonly generations?: readonly number[];
  readonly signing?: number;
  readonly crossSign?: boolean | undefined;
  readonly distrusted?: readonly number[] | undefined;
  /** Generations of which nothing is given any more; or what is given of one that is new. */
  readonly provided?: Readonly<Record<string, NextAnchor | undefined>>;
}

/** Files of an anchor that is given for the next generation, in place of one that Pulumi makes. */
export interface NextAnchor {
  readonly certificateFile: string;
  readonly privateKeyFile?: string;
  readonly crossCertificateFile?: string;
}

export interface Step {
  readonly name: StepName;
  readonly from: readonly StageName[];
  /** What it does, as a sentence's end after "to". */
  readonly does: string;
}

/** In their order, the way forward and then the way back. */
const steps: Readonly<Record<StepName, Step>> = {
  begin: {
    name: "begin",
    from: ["idle"],
    does: "add the next generation, which signs at once if the one before vouches for it",
  },
  distrust: {
    name: "distrust",
    from: ["idle", "distributed", "vouched", "alone"],
    does: "let the newest generation sign, and trust no other: each pod that holds another is cut off until it is restarted",
  },
  activate: {
    name: "activate",
    from: ["distributed"],
    does: "let the newest generation sign",
  },
  settle: {
    name: "settle",
    from: ["vouched"],
    does: "let the newest generation sign alone; what was vouched for is issued again",
  },
  retire: {
    name: "retire",
    from: ["alone", "distrusted"],
    does: "take the older generation out of the bundle, and delete it with its key",
  },
  recall: {
    name: "recall",
    from: ["alone", "distrusted"],
    does: "let the older generation vouch again",
  },
  withdraw: {
    name: "withdraw",
    from: ["vouched", "alone"],
    does: "let the older generation sign again",
  },
  drop: {
    name: "drop",
    from: ["distributed"],
    does: "take the newest generation out of the bundle, and delete it with its key",
  },
};

const onwards: Readonly<Record<StageName, StepName>> = {
  idle: "begin",
  distributed: "activate",
  vouched: "settle",
  alone: "retire",
  distrusted: "retire",
};

/** The step that goes on from a stage. */
export function nextStep({ name }: Stage): Step {
  return steps[onwards[name]];
}

/** The step that any stage can take to be rid of what signs, or has signed: its key may be in someone else's hands. */
export const distrust = steps.distrust;
/** The step that lets the older generation vouch again. */
export const recall = steps.recall;

const backwards: Readonly<Record<StageName, StepName | undefined>> = {
  idle: undefined,
  distributed: "drop",
  vouched: "withdraw",
  alone: "recall",
  distrusted: "recall",
};

/** The step that goes back from a stage; `undefined` where nothing is under way. */
export function stepBack(
  { name, elsewhere }: Stage,
  { trustAnchor: { crossSign } }: Settings,
): Step | undefined {
  // Where the settings let it vouch and it does not, it has no key for that.
  const step = name === "alone" && (crossSign || elsewhere !== undefined) ? "withdraw" : backwards[name];
  return step && steps[step];
}

/** Whether a step is for whoever signs elsewhere to take: the stack's file does not say with which generation they do. */
export function isOthers(step: StepName, { elsewhere }: Stage): boolean {
  return elsewhere !== undefined && (step === "activate" || step === "withdraw");
}

/** Whether whoever signs elsewhere has to give the next anchor, as they have given the one with which they sign now. */
export function lacksNext({ elsewhere, signing }: Stage, { trustAnchor }: Settings): boolean {
  return elsewhere !== undefined && trustAnchor.provided[signing] !== undefined;
}

/**
 * The edit that a step is; none of a step that is for others to take.
 *
 * @param next an anchor that is given for the generation that `begin` or `distrust` adds.
 * @throws Error if the step does not start from this stage.
 */
export function editOf(step: StepName, stage: Stage, settings: Settings, next?: NextAnchor): Edit {
  const { generations, signing } = stage;
  if (!steps[step].from.includes(stage.name)) {
    throw new Error(
      `${step} starts from the stage ${steps[step].from.join(" or ")}, and the stack is ${stage.name}.`,
    );
  }
  if (isOthers(step, stage)) return {};
  switch (step) {
    case "begin":
      return {
        ...adding(stage, next),
        ...(canVouch(stage, settings, next) && { signing: generations.at(-1)! + 1 }),
      };
    case "distrust": {
      // Of a rotation that is under way, the newest is there already.
      const added = stage.name === "idle" ? adding(stage, next) : {};
      const [newest, ...older] = (added.generations ?? generations).toReversed();
      return {
        ...added,
        ...(newest !== signing && { signing: newest! }),
        ...(!settings.trustAnchor.crossSign && { crossSign: undefined }),
        distrusted: older.toReversed(),
      };
    }
    case "activate":
      return { signing: generations.at(-1)! };
    case "settle":
      return { crossSign: false };
    case "retire":
      if (stage.elsewhere !== undefined) return keeping([signing], settings);
      // What was taken back on the way, and gone on with, has left its word.
      return { ...keeping([signing], settings), ...withoutStage(settings), crossSign: undefined };
    case "drop":
      return keeping(
        generations.filter((generation) => generation <= signing),
        settings,
      );
    case "recall":
      return withoutStage(settings);
    case "withdraw":
      return { signing: generations.at(-2)! };
  }
}

/** The next generation, with what is given of it. */
function adding({ generations }: Stage, next: NextAnchor | undefined): Edit {
  const newest = generations.at(-1)! + 1;
  return { generations: [...generations, newest], ...(next && { provided: { [newest]: next } }) };
}

/** Without what a rotation has set on its way. */
function withoutStage({ trustAnchor: { crossSign, distrusted } }: Settings): Edit {
  return {
    ...(!crossSign && { crossSign: undefined }),
    ...(distrusted.length > 0 && { distrusted: undefined }),
  };
}

/** These generations alone, with what is given of them. */
function keeping(generations: readonly number[], { trustAnchor }: Settings): Edit {
  const given = Object.keys(trustAnchor.provided);
  const gone = given.filter((generation) => !generations.includes(Number(generation)));
  const provided = Object.fromEntries(gone.map((generation) => [generation, undefined]));
  return { generations, ...(gone.length > 0 && { provided }) };
}

/** Whether the signing generation can vouch for the next one: by its key, or by a cross certificate that is given. */
function canVouch(
  { signing, elsewhere }: Stage,
  { trustAnchor }: Settings,
  next: NextAnchor | undefined,
): boolean {
  const { provided, crossSign } = trustAnchor;
  if (elsewhere !== undefined) return false;
  const hasKey = provided[signing] === undefined || provided[signing].privateKeyPem !== undefined;
  const nextSigns = next === undefined || next.privateKeyFile !== undefined;
  return crossSign && nextSigns && (hasKey || next?.crossCertificateFile !== undefined);
}
