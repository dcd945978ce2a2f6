import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import {
  type DoneRemedy,
  type MeasuredRecoveries,
  measuredRecoveriesFile,
  type RecoveredStateName,
  readRecoveries,
} from "../../docs/recoveryPage.ts";
import { allAccept } from "../meshLoad.ts";

/**
 * Waits until every proxy of the load accepts every other. How long that took since a command was typed is shown, and with
 * RECORD=1 kept for docs/recovery.md.
 */
export async function untilAllAccept(
  state: RecoveredStateName,
  begun: number,
  done: readonly DoneRemedy[],
): Promise<void> {
  await allAccept(0);
  const measured = {
    seconds: Math.round((performance.now() - begun) / 1000),
    done,
    load: Math.round(loadavg()[0]!),
  };
  console.log(state, JSON.stringify(measured));
  if (process.env.RECORD !== "1") return;
  const processors = cpus();
  const recoveries: MeasuredRecoveries = {
    machine: `${processors.length} × ${processors[0]!.model}`,
    day: new Date().toISOString().slice(0, 10),
    states: { ...readRecoveries().states, [state]: measured },
  };
  writeFileSync(measuredRecoveriesFile, `${JSON.stringify(recoveries, undefined, 2)}\n`);
}
