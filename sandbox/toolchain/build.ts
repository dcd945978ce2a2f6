/** Makes artefacts, two at a time, and leaves nothing behind but them and their logs. */
import { cp, mkdir, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory, goDirectory } from "../directories.ts";
import type { Report } from "../lock.ts";
import type { Artefact, Workshop } from "./artefacts.ts";
import { runLogged } from "./command.ts";
import { discardGoCaches, type Go } from "./go.ts";
import { cpuSecondsOf, expectedDuration, followBuild } from "./progress.ts";
import { tools } from "./tools.ts";

/** Free disk that a build of the whole toolchain needs while it runs; what stays is `keptGigabytes`. */
const buildGigabytes = 16;
const keptGigabytes = 1.5;

/**
 * Builds what is missing, two modules at a time: linking uses one core, so another module's compiler has the second.
 * The first failure aborts the controller, which ends every build.
 */
export async function build(
  go: Go,
  missing: readonly Artefact[],
  controller: AbortController,
  report: Report,
): Promise<void> {
  const { signal } = controller;
  await mkdir(cacheDirectory, { recursive: true });
  const { bavail, bsize } = await statfs(cacheDirectory);
  const gigabytes = neededGigabytes(missing);
  refuseShortDisk(bavail * bsize, gigabytes);
  // The holder of the lock is alone: what lies here is of a run that was killed.
  const workDirectory = join(cacheDirectory, "work");
  await removeWork(workDirectory);
  // That run's last commands may live on: a folder of our own keeps them out of ours.
  const ownDirectory = join(workDirectory, String(process.pid));
  await mkdir(ownDirectory, { recursive: true });
  report(
    `Building ${missing.length} of the sandbox's programs and charts from the Go module proxy (${go.version}), once: ` +
      `about ${expectedDuration(missing)} here if nothing is cached yet, and up to ${gigabytes.toFixed(1)} GB of disk meanwhile.`,
  );
  const progress = followBuild(missing, report);
  const make = async (artefact: Artefact) => {
    progress.began(artefact);
    const purpose = artefact.kind === "chart" ? `chart-${artefact.name}` : artefact.name;
    const directory = join(ownDirectory, purpose);
    const made = join(ownDirectory, `${purpose}.made`);
    const log = join(cacheDirectory, "logs", `${purpose}.log`);
    await mkdir(dirname(log), { recursive: true });
    await rm(log, { force: true });
    await cp(join(goDirectory, artefact.module), directory, { recursive: true });
    const onStart = (group: number) => progress.runs(artefact, group);
    const run: Workshop["run"] = (command, args, variables) => {
      // Go's temporary files are large, and stay if Go is killed.
      const environment = { ...go.environment, GOTMPDIR: ownDirectory, ...variables };
      return runLogged(command, args, { directory, environment, log, signal, onStart });
    };
    await artefact.make({ directory, run, go: (...args) => run(go.executable, args) }, made);
    await mkdir(dirname(artefact.path), { recursive: true });
    await rename(made, artefact.path);
    await removeWork(directory);
    progress.finished(artefact);
  };
  const makeInTurn = async (queues: Artefact[][]) => {
    try {
      for (let queue = queues.shift(); queue; queue = queues.shift()) {
        for (const artefact of queue) {
          signal.throwIfAborted();
          await make(artefact);
        }
      }
    } catch (error) {
      controller.abort(error);
    }
  };
  let took: string;
  try {
    const { program: programs = [], chart: charts = [] } = Object.groupBy(missing, ({ kind }) => kind);
    const queues = [...Map.groupBy(programs, ({ module }) => module).values()];
    // The longest queue first, so that both workers end together.
    queues.sort((a, b) => cpuSecondsOf(b) - cpuSecondsOf(a));
    await Promise.all([makeInTurn(queues), makeInTurn(queues)]);
    // Charts are packaged by the helm that has just been built.
    await makeInTurn([charts]);
    signal.throwIfAborted();
  } finally {
    took = progress.end();
    await removeWork(workDirectory);
  }
  const discarded = await discardGoCaches();
  const removal = discarded ? " Its build caches are being removed in the background." : "";
  report(`The toolchain is complete: ${took}.${removal}`);
}

/** Free disk that making what is missing needs: as large a part of a whole build's as its processor time is. */
function neededGigabytes(missing: readonly Artefact[]): number {
  const part = cpuSecondsOf(missing) / cpuSecondsOf(tools.filter(({ extra }) => extra === undefined));
  return keptGigabytes + (buildGigabytes - keptGigabytes) * Math.min(1, part);
}

export function refuseShortDisk(freeBytes: number, gigabytes: number): void {
  const freeGigabytes = freeBytes / 1e9;
  if (freeGigabytes >= gigabytes) return;
  throw new Error(
    `Building the sandbox's toolchain needs ${gigabytes.toFixed(1)} GB of free disk at ${cacheDirectory}, ` +
      `which has ${freeGigabytes.toFixed(1)} GB: free some, or set XDG_CACHE_HOME to a disk that has it.`,
  );
}

/** Removes a folder of work, also while the commands of a killed run still write into it. */
async function removeWork(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10 });
}
