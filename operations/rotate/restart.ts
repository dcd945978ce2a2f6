/** `--restart`: has the workloads take the newest generation, whose pods were started before it. */
import type { Mesh } from "../../mesh/cluster.ts";
import type { HeldBundle, Workload } from "../../mesh/meshedPods.ts";
import { canRestart, restart, rolledOut } from "../../mesh/restart.ts";
import { isSameAuthority, type ParsedCertificate } from "../../rules/credentials/certificate.ts";

/** Few enough for one identity controller, which issues five certificates a second. */
const atOnce = 4;
/** As long as a Deployment has for its progress, by default (spec.progressDeadlineSeconds). */
const rolloutMilliseconds = 10 * 60_000;

export interface Restarts {
  readonly workloads: readonly Workload[];
  /** Pods of their own, and Jobs: whoever has made them makes them anew. */
  readonly others: readonly Workload[];
}

const nameOf = ({ kind, namespace, name }: Workload) => `${kind} ${namespace}/${name}`;

/** The workloads with pods that do not hold a root, those of the oldest pods first. */
export function restartsFor(held: readonly HeldBundle[], root: ParsedCertificate): Restarts {
  const lacking = held.filter(({ anchors }) => !anchors?.some((anchor) => isSameAuthority(anchor, root)));
  const pods = lacking
    .flatMap((group) => group.pods)
    .toSorted((one, other) => one.createdAt.getTime() - other.createdAt.getTime());
  const all = [...new Map(pods.map(({ workload }) => [nameOf(workload), workload])).values()];
  return {
    workloads: all.filter(canRestart),
    others: all.filter((workload) => !canRestart(workload)),
  };
}

/**
 * Restarts them, a few at a time, each at its own pace, and goes on only while all that were restarted come up again.
 *
 * @throws Error with the first that does not: nothing more is restarted then.
 */
export async function restartAll(
  mesh: Mesh,
  { workloads, others }: Restarts,
  report: (line: string) => void,
): Promise<void> {
  for (const workload of others) report(`${nameOf(workload)} has to be made anew by whoever has made it.`);
  const waiting = workloads.values();
  let done = 0;
  const failed = new AbortController();
  const worker = async () => {
    for (const workload of waiting) {
      if (failed.signal.aborted) return;
      const timeout = AbortSignal.timeout(rolloutMilliseconds);
      try {
        await restart(mesh, workload, new Date());
        await rolledOut(mesh, workload, AbortSignal.any([mesh.signal, timeout]));
      } catch (error) {
        failed.abort();
        if (!timeout.aborted) throw error;
        throw new Error(
          `${nameOf(workload)} has not come up again within ten minutes; nothing more is restarted. See why: kubectl -n ${workload.namespace} rollout status ${workload.kind.toLowerCase()}/${workload.name}`,
        );
      }
      done += 1;
      report(`${nameOf(workload)} has restarted (${done} of ${workloads.length}).`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
