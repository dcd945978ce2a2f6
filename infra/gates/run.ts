/** What a gate knows of the run that it is part of. */
import type { Spelling } from "../../components/validation.ts";
import type { ObjectMarks } from "../../mesh/objects.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import type { Look } from "./looks.ts";

export interface Run {
  readonly look: Look;
  /** Whether nothing is going to be changed, and no one is to be kept waiting. */
  readonly isPreview: boolean;
  /** The namespace as it was before the run; `undefined` if there was none, and so nothing of anyone's in it. */
  readonly namespace: (name: string) => Promise<ObjectMarks | undefined>;
  readonly settings: Settings;
  /** How a Helm release says that this stack has installed it. */
  readonly installer: string;
  /** Hears of a look that the cluster has not answered, or not allowed, and throws where that ends the run. */
  readonly onUnseen: (error: Error) => void;
  /** The same of a look without which an anchor must not change, whatever this user may see. */
  readonly onUnproven: (error: Error) => void;
  /** Puts findings into the words of the caller's own settings. */
  readonly spell: Spelling;
}

/** Looks at each namespace once. */
export function namespacesBefore(look: Look): Run["namespace"] {
  const looked = new Map<string, Promise<ObjectMarks | undefined>>();
  return (name) => {
    const before = looked.get(name) ?? look("findObject", { apiVersion: "v1", kind: "Namespace", name });
    looked.set(name, before);
    return before;
  };
}

/** Whether a namespace was not there before the run. One that may not be seen may have been. */
export const isNew = (run: Pick<Run, "namespace">, name: string): Promise<boolean> =>
  run.namespace(name).then(
    (before) => before === undefined,
    () => false,
  );
