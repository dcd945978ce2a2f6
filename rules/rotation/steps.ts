/** The steps of a rotation: from which stage each starts, and the one edit of the stack's settings that it is. */
import type { Settings } from "../settings/settings.ts";
import type { Stage, StageName } from "./stage.ts";

export type StepName = "begin" | "activate" | "settle" | "retire" | "recall" | "withdraw" | "drop";

/** The settings that a step changes, of the group `trustAnchor`; `undefined` for one that gets its default again. */
export interface Edit {
  readonly generations?: readonly number[];
  readonly signing?: number;
  readonly crossSign?: boolean | undefined;
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
  readonly from: StageName;
  /** What it does, as a sentence's end after "to". */
  readonly does: string;
}

/** In their order, the way forward and then the way back. */
const steps: Readonly<Record<StepName, Step>> = {
  begin: {
    name: "begin",
    from: "idle",
    does: "add the next generation, which signs at once if the one before vouches for it",
  },
  activate: {
    name: "activate",
    from: "distributed",
    does: "let the newest generation sign",
  },
  settle: {
    name: "settle",
    from: "vouched",
    does: "let the newest generation sign alone; what was vouched for is issued again",
  },
  retire: {
    name: "retire",
    from: "alone",
    does: "take the older generation out of the bundle, and delete it with its key",
  },
  recall: {
    name: "recall",
    from: "alone",
    does: "let the older generation vouch again",
  },
  withdraw: {
    name: "withdraw",
    from: "vouched",
    does: "let the older generation sign again",
  },
  drop: {
    name: "drop",
    from: "distributed",
    does: "take the newest generation out of the bundle, and delete it with its key",
  },
};

/** The step that goes on from a stage. */
export function nextStep({ name }: Stage): Step {
  const found = { idle: "begin", distributed: "activate", vouched: "settle", alone: "retire" } as const;
  return steps[found[name]];
}

/** The step that goes back from a stage; `undefined` where nothing is under way. */
export function stepBack({ name }: Stage): Step | undefined {
  const found = { idle: undefined, distributed: "drop", vouched: "withdraw", alone: "recall" } as const;
  const step = found[name];
  return step && steps[step];
}

/**
 * The edit that a step is.
 *
 * @param next an anchor that is given for the generation that `begin` adds.
 * @throws Error if the step does not start from this stage.
 */
export function editOf(step: StepName, stage: Stage, settings: Settings, next?: NextAnchor): Edit {
  const { generations, signing } = stage;
  if (stage.name !== steps[step].from) {
    throw new Error(`${step} starts from the stage ${steps[step].from}, and the stack is ${stage.name}.`);
  }
  switch (step) {
    case "begin": {
      const newest = generations.at(-1)! + 1;
      return {
        generations: [...generations, newest],
        ...(next && { provided: { [newest]: next } }),
        ...(canVouch(signing, settings, next) && { signing: newest }),
      };
    }
    case "activate":
      return { signing: generations.at(-1)! };
    case "settle":
      return { crossSign: false };
    case "retire":
      return { ...keeping([signing], settings), crossSign: undefined };
    case "drop":
      return keeping(
        generations.filter((generation) => generation <= signing),
        settings,
      );
    case "recall":
      return { crossSign: undefined };
    case "withdraw":
      return { signing: generations.at(-2)! };
  }
}

/** These generations alone, with what is given of them. */
function keeping(generations: readonly number[], { trustAnchor }: Settings): Edit {
  const given = Object.keys(trustAnchor.provided);
  const gone = given.filter((generation) => !generations.includes(Number(generation)));
  const provided = Object.fromEntries(gone.map((generation) => [generation, undefined]));
  return { generations, ...(gone.length > 0 && { provided }) };
}

/** Whether the signing generation can vouch for the next one: by its key, or by a cross certificate that is given. */
function canVouch(signing: number, { trustAnchor }: Settings, next: NextAnchor | undefined): boolean {
  const { provided, crossSign } = trustAnchor;
  const hasKey = provided[signing] === undefined || provided[signing].privateKeyPem !== undefined;
  const nextSigns = next === undefined || next.privateKeyFile !== undefined;
  return crossSign && nextSigns && (hasKey || next?.crossCertificateFile !== undefined);
}
