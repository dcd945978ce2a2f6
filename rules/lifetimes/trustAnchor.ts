/** How early the end of a trust anchor is warned of. */
import type { Finding } from "../finding.ts";
import { broken } from "../rules.ts";
import { durationMilliseconds } from "./duration.ts";

/** Half a year: twice the time that a rotation is allowed by default, in which every pod of the mesh is restarted once. */
export const anchorWarnBefore = "4380h";

/** 60 days, as `linkerd check` has it. */
const soon = "1440h";

/** From when on an anchor's end is warned of, by default; see {@link checkAnchorEnd}. */
export function warnedFrom(from: Date, end: Date): Date {
  const before = (duration: string) => end.getTime() - durationMilliseconds(duration);
  const half = (from.getTime() + end.getTime()) / 2;
  return new Date(Math.max(from.getTime(), Math.min(Math.max(half, before(anchorWarnBefore)), before(soon))));
}

export interface AnchorValidity {
  readonly field: string;
  /** What to call it at the beginning of a sentence. */
  readonly name: string;
  readonly from: Date;
  readonly end: Date;
}

/**
 * Warns of an anchor's end: from `warnBefore` on, but not in the first half of its life, so that one of a year or less is
 * not warned of for ever; and more gravely for the last 60 days, however short it lives, since `linkerd check` warns then,
 * too. With a shorter `warnBefore`, nothing is said before that either; with `0`, nothing at all.
 */
export function checkAnchorEnd(
  { field, name, from, end }: AnchorValidity,
  now: Date,
  warnBefore: string,
): Finding[] {
  // What has ended already is another rule's.
  if (end < now || !isWithin(warnBefore, end, now)) return [];
  if (isWithin(soon, end, now)) {
    return [
      broken("anchor-ends-soon", {
        field,
        message: `${name} ends at ${end.toISOString()}: less than ${soon} is left, and at its end no proxy that it vouches for is trusted any more.`,
      }),
    ];
  }
  if (!isNearEnd({ from, end }, now, warnBefore)) return [];
  return [
    broken("anchor-ends", {
      field,
      message: `${name} ends at ${end.toISOString()}: less than ${warnBefore} is left, and its rotation takes until every pod of the mesh has been restarted once.`,
    }),
  ];
}

/** Whether no more than `warnBefore` is left, nor more than half of the life. */
export function isNearEnd(
  { from, end }: Pick<AnchorValidity, "from" | "end">,
  now: Date,
  warnBefore: string,
): boolean {
  const half = (end.getTime() - from.getTime()) / 2;
  return isWithin(warnBefore, end, now) && end.getTime() - now.getTime() <= half;
}

function isWithin(duration: string, end: Date, now: Date): boolean {
  return end.getTime() - now.getTime() <= durationMilliseconds(duration);
}
