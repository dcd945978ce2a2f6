/** Restarts workloads whose pods have to be replaced, a few at a time. */
import { setTimeout } from "node:timers/promises";
import type { Mesh } from "../mesh/cluster.ts";
import { allowsDisruption, covers, listBudgets, readBudget } from "../mesh/disruptionBudgets.ts";
import type { HeldBundle } from "../mesh/meshedPods.ts";
import { canRestart, isRollingOut, readRestartable, restart, rolledOut } from "../mesh/restart.ts";
import type { ParsedCertificate } from "../rules/credentials/certificate.ts";
import { nameOfWorkload, type Workload } from "../rules/mesh/workload.ts";

const atOnce = 4;
/** Certificates that one identity controller issues: each is a TokenReview, of which older ones ask for five a second. */
const podsPerSecond = 5;
/** As long as a Deployment has for its progress, by default (spec.progressDeadlineSeconds). */
const rolloutMilliseconds = 10 * 60_000;
/** What a batch takes whose pods are ready in usual time: to be scheduled, pulled and started. */
const usualRolloutMilliseconds = 60_000;
const pollMilliseconds = 2000;

/** A workload, and how many of its pods have to be replaced. */
interface Restart {
  readonly workload: Workload;
  readonly pods: number;
}

export interface Restarts {
  readonly workloads: readonly Restart[];
  /** Pods of their own, and Jobs: whoever has made them makes them anew. */
  readonly others: readonly Workload[];
}

type Report = (line: string) => void;

/**
 * The workloads with pods that have to be replaced, those of the oldest pods first.
 *
 * @param isThrough whether pods that were started with these anchors may stay.
 */
export function restartsFor(
  held: readonly HeldBundle[],
  isThrough: (anchors: readonly ParsedCertificate[] | undefined) => boolean,
): Restarts {
  const pods = held
    .filter(({ anchors }) => !isThrough(anchors))
    .flatMap((group) => group.pods)
    .toSorted((one, other) => one.createdAt.getTime() - other.createdAt.getTime());
  const all = [...Map.groupBy(pods, ({ workload }) => nameOfWorkload(workload)).values()].map((some) => ({
    workload: some[0]!.workload,
    pods: some.length,
  }));
  return {
    workloads: all.filter(({ workload }) => canRestart(workload)),
    others: all.map(({ workload }) => workload).filter((workload) => !canRestart(workload)),
  };
}

/** How long they take if each batch comes up in usual time, in milliseconds. */
export function estimateOf({ workloads }: Pick<Restarts, "workloads">): number {
  const pods = workloads.reduce((sum, one) => sum + one.pods, 0);
  const batches = Math.ceil(workloads.length / atOnce);
  return Math.max(batches * usualRolloutMilliseconds, (pods * 1000) / podsPerSecond);
}

/**
 * Restarts them, a few at a time: each when its PodDisruptionBudget allows it, and no faster than identity issues
 * certificates; and goes on only while all that were restarted come up again. One that is being rolled out already is
 * waited for, and so whatever has interrupted this, it goes on when it is called again.
 *
 * @throws Error with the first that does not come up: nothing more is restarted then.
 */
export async function restartAll(mesh: Mesh, { workloads, others }: Restarts, report: Report): Promise<void> {
  for (const workload of others)
    report(`${nameOfWorkload(workload)} has to be made anew by whoever has made it.`);
  const lanes = (await lanesOf(mesh, workloads, report)).values();
  const takeTurn = pacer(mesh.signal);
  const failed = new AbortController();
  let done = 0;
  const worker = async () => {
    for (const lane of lanes) {
      for (const one of lane) {
        if (failed.signal.aborted) return;
        try {
          if (!(await restartOne(mesh, one, takeTurn, report))) continue;
        } catch (error) {
          failed.abort();
          throw error;
        }
        done += 1;
        report(`${nameOfWorkload(one.workload)} has restarted (${done} of ${workloads.length}).`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** A restart, and the budget that it has to wait for. */
interface BudgetedRestart extends Restart {
  readonly budget: string | undefined;
}

/** Workloads under the same budget are restarted one after the other, and so are in one lane; each of the others has its own. */
async function lanesOf(
  mesh: Mesh,
  workloads: readonly Restart[],
  report: Report,
): Promise<readonly (readonly BudgetedRestart[])[]> {
  const namespaces = [...new Set(workloads.map(({ workload }) => workload.namespace))];
  const budgets = new Map(
    await Promise.all(
      namespaces.map(async (namespace) => [namespace, await listBudgets(mesh, namespace)] as const),
    ),
  );
  const lanes = new Map<string, BudgetedRestart[]>();
  for (const one of workloads) {
    const { labels, obstacle } = await readRestartable(mesh, one.workload);
    if (obstacle !== undefined) {
      report(`${nameOfWorkload(one.workload)} ${obstacle}: it is not restarted.`);
      continue;
    }
    const { namespace } = one.workload;
    const budget = budgets.get(namespace)!.find((candidate) => covers(candidate, labels))?.metadata?.name;
    const lane = budget === undefined ? nameOfWorkload(one.workload) : `${namespace}/${budget}`;
    lanes.set(lane, [...(lanes.get(lane) ?? []), { ...one, budget }]);
  }
  return [...lanes.values()];
}

/** Has each wait until identity has issued the certificates of those before it. */
function pacer(signal: AbortSignal): (pods: number) => Promise<void> {
  let free = 0;
  return async (pods) => {
    const now = performance.now();
    const begin = Math.max(now, free);
    free = begin + (pods * 1000) / podsPerSecond;
    await setTimeout(begin - now, undefined, { signal });
  };
}

/** Whether it has been restarted; not if its budget does not allow it within ten minutes. */
async function restartOne(
  mesh: Mesh,
  { workload, pods, budget }: BudgetedRestart,
  takeTurn: (pods: number) => Promise<void>,
  report: Report,
): Promise<boolean> {
  if (!(await isRollingOut(mesh, workload))) {
    if (budget !== undefined && !(await isAllowed(mesh, workload, budget, report))) return false;
    await takeTurn(pods);
    await restart(mesh, workload, new Date());
  }
  await comeUp(mesh, workload);
  return true;
}

/**
 * Waits until a workload that has been restarted has come up again.
 *
 * @throws Error if it has not within ten minutes.
 */
export async function comeUp(mesh: Mesh, workload: Workload): Promise<void> {
  const timeout = AbortSignal.timeout(rolloutMilliseconds);
  try {
    await rolledOut(mesh, workload, AbortSignal.any([mesh.signal, timeout]));
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw new Error(
      `${nameOfWorkload(workload)} has not come up again within ten minutes; nothing more is restarted. See why: kubectl -n ${workload.namespace} rollout status ${workload.kind.toLowerCase()}/${workload.name}`,
    );
  }
}

/** Waits until a budget allows one more pod to be missing, and says that it waits. */
async function isAllowed(mesh: Mesh, workload: Workload, name: string, report: Report): Promise<boolean> {
  const { namespace } = workload;
  const end = performance.now() + rolloutMilliseconds;
  for (let told = false; ; told = true) {
    const budget = await readBudget(mesh, namespace, name);
    if (budget === undefined || allowsDisruption(budget)) return true;
    if (!told) {
      report(
        `${nameOfWorkload(workload)} waits for PodDisruptionBudget ${namespace}/${name}, which allows no disruption now.`,
      );
    }
    if (performance.now() > end) {
      report(
        `${nameOfWorkload(workload)} is not restarted: PodDisruptionBudget ${namespace}/${name} has allowed no disruption for ten minutes. See why: kubectl -n ${namespace} describe poddisruptionbudget ${name}`,
      );
      return false;
    }
    await setTimeout(pollMilliseconds, undefined, { signal: mesh.signal });
  }
}
