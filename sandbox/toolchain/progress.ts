/** Shows how far a build is, and how long the rest may take. */
import { availableParallelism } from "node:os";
import { clearLine, cursorTo } from "node:readline";
import type { Report } from "../lock.ts";
import { processIds, processStat } from "../processes.ts";
import type { Artefact } from "./artefacts.ts";

/** How often a line is written without a terminal. */
const lineEverySeconds = 60;
/** The kernel's clock ticks in a second, as programs see them. */
const ticksPerSecond = 100;
/** How many processors a build keeps busy, whatever the machine has: linking uses one, and two programs are built at once. */
const usefulProcessors = Math.min(availableParallelism(), 4);

export const cpuSecondsOf = (some: readonly Pick<Artefact, "cpuSeconds">[]) =>
  sum(some.map(({ cpuSeconds }) => cpuSeconds));

/** About how long a build takes that is alone on this machine. */
export const expectedDuration = (artefacts: readonly Artefact[]) =>
  roughly(cpuSecondsOf(artefacts) / usefulProcessors);

/**
 * Follows the making of `artefacts`: on a terminal in one line that changes, elsewhere with a line now and then. The
 * estimate counts processor time, so that it also holds on a machine that has other work.
 */
export function followBuild(artefacts: readonly Artefact[], report: Report) {
  const terminal = process.stderr.isTTY ? process.stderr : undefined;
  const begun = performance.now();
  /** When each that is being made was begun. */
  const underWay = new Map<Artefact, number>();
  const done = new Set<Artefact>();
  /** The artefact that each process group works for, and the processor time that the group has used. */
  const groups = new Map<number, { readonly artefact: Artefact; used: number }>();

  const used = (some: readonly Artefact[]) =>
    sum([...groups.values()].filter(({ artefact }) => some.includes(artefact)).map((group) => group.used));
  const remaining = () => {
    // Little is known at first, and much of it is downloads: a minute as it should be is added to what was seen.
    const pace = (used(artefacts) + 60 * usefulProcessors) / (secondsSince(begun) + 60);
    // What is done shows whether this machine's processors are faster, and whether something was cached.
    const effort = (used([...done]) + 60) / (cpuSecondsOf([...done]) + 60);
    const left = (one: Artefact) => Math.max(0, one.cpuSeconds * effort - used([one]));
    if (underWay.size > 0 && [...underWay.keys()].every((one) => left(one) === 0)) {
      return "taking longer than usual";
    }
    const seconds = sum(artefacts.filter((one) => !done.has(one)).map(left)) / pace;
    return `about ${roughly(seconds)} left`;
  };
  const line = () => {
    const current = [...underWay].map(
      ([artefact, since]) => `${artefact.name} ${duration(secondsSince(since))}`,
    );
    return `  ${done.size} of ${artefacts.length} done, ${remaining()}; now ${current.join(", ")}`;
  };

  let quietSeconds = 0;
  const timer = setInterval(() => {
    const ticks = Map.groupBy(
      processIds().flatMap((pid) => processStat(pid) ?? []),
      ({ group }) => group,
    );
    for (const [id, group] of groups) {
      const seconds = sum((ticks.get(id) ?? []).map(({ cpuTicks }) => cpuTicks)) / ticksPerSecond;
      group.used = Math.max(group.used, seconds);
    }
    if (terminal) {
      clear();
      terminal.write(line().slice(0, (terminal.columns || 80) - 1));
    } else if (++quietSeconds % lineEverySeconds === 0) report(line());
  }, 1000);
  const clear = () => {
    if (terminal) {
      cursorTo(terminal, 0);
      clearLine(terminal, 0);
    }
  };

  return {
    began: (artefact: Artefact) => void underWay.set(artefact, performance.now()),
    /** A command of the artefact's runs as this process group. */
    runs: (artefact: Artefact, group: number) => void groups.set(group, { artefact, used: 0 }),
    finished(artefact: Artefact) {
      const took = duration(secondsSince(underWay.get(artefact)!));
      underWay.delete(artefact);
      done.add(artefact);
      if (!terminal) report(`  ${artefact.name} in ${took}: ${done.size} of ${artefacts.length} done`);
    },
    /** Ends the following, and gives how long the build took. */
    end(): string {
      clearInterval(timer);
      clear();
      return duration(secondsSince(begun));
    },
  };
}

/** A duration as an estimate is given: in minutes, or in tens of seconds. */
function roughly(seconds: number): string {
  return seconds > 90 ? `${Math.round(seconds / 60)} min` : `${Math.max(1, Math.ceil(seconds / 10)) * 10} s`;
}

function duration(seconds: number): string {
  const rounded = Math.max(1, Math.round(seconds));
  return rounded < 60 ? `${rounded} s` : `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

const secondsSince = (begun: number) => (performance.now() - begun) / 1000;
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
