/** What a gate knows of the run that it is part of. */
import type { Spelling } from "../../components/validation.ts";
import type { Settings } from "../../rules/settings/settings.ts";
import type { Look } from "./looks.ts";

export interface Run {
  readonly look: Look;
  readonly settings: Settings;
  /** How a Helm release says that this stack has installed it. */
  readonly installer: string;
  /** Hears of a look that the cluster has not answered, or not allowed, and throws where that ends the run. */
  readonly onUnseen: (error: Error) => void;
  /** Puts findings into the words of the caller's own settings. */
  readonly spell: Spelling;
}
