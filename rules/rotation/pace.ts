/** How pods come to hold the newest generation as they are restarted anyway, and when the last one will. */
import type { Holders } from "../mesh/anchorHolders.ts";
import { nameOfWorkload, type Workload } from "../mesh/workload.ts";

/** Pods whose proxies were started with the same bundle, each with its start. */
export interface DatedHolders extends Pick<Holders, "anchors"> {
  readonly pods: readonly (Holders["pods"][number] & { readonly createdAt: Date })[];
}

/** A workload with pods that do not hold it. */
interface Waiting {
  readonly workload: Workload;
  readonly pods: number;
  /** Start of the one that has run longest. */
  readonly startedAt: Date;
}

export interface Pace {
  /** The workload whose pod has run longest first. */
  readonly waiting: readonly Waiting[];
  /** How many pods outside of the control plane hold it, */
  readonly restarted: number;
  /** of how many, */
  readonly all: number;
  /** since the first pod of the mesh was started with it; absent if none has been. */
  readonly since?: Date;
  /** When the last one is through if pods go on being restarted as they have been; absent if none has been. */
  readonly throughAt?: Date;
}

/**
 * @param holds whether pods that were started with these anchors are through.
 * @param controlPlane the namespace whose pods are restarted by the step itself, and so say nothing of the pace.
 */
export function paceOf(
  holds: (anchors: Holders["anchors"]) => boolean,
  held: readonly DatedHolders[],
  controlPlane: string,
  time: Date,
): Pace {
  const holding = held.filter(({ anchors }) => holds(anchors)).flatMap(({ pods }) => pods);
  const lacking = held.filter(({ anchors }) => !holds(anchors)).flatMap(({ pods }) => pods);
  const outside = (pods: typeof holding) =>
    pods.filter(({ workload }) => workload.namespace !== controlPlane);
  const [restarted, left] = [outside(holding).length, outside(lacking).length];
  const pace = { waiting: waitingOf(lacking), restarted, all: restarted + left };
  if (holding.length === 0) return pace;
  const since = earliest(holding);
  if (restarted === 0 || left === 0) return { ...pace, since };
  const elapsed = time.getTime() - since.getTime();
  return { ...pace, since, throughAt: new Date(time.getTime() + (left / restarted) * elapsed) };
}

const earliest = (pods: DatedHolders["pods"]) =>
  new Date(Math.min(...pods.map(({ createdAt }) => createdAt.getTime())));

function waitingOf(pods: DatedHolders["pods"]): readonly Waiting[] {
  const byWorkload = Map.groupBy(pods, ({ workload }) => nameOfWorkload(workload));
  return [...byWorkload.values()]
    .map((some) => ({ workload: some[0]!.workload, pods: some.length, startedAt: earliest(some) }))
    .toSorted((one, other) => one.startedAt.getTime() - other.startedAt.getTime());
}
