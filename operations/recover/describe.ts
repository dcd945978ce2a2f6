/** A plan, and a forecast, for people. */

import type { Ending, Forecast } from "../../rules/recovery/forecast.ts";
import type { Obstacle, Plan, Remedy } from "../../rules/recovery/plan.ts";
import { formatSpan, formatTime } from "../format.ts";

/** Longer lists are for the JSON. */
const mostFound = 5;

export function describePlan({ remedies, obstacles, isPartial }: Plan): string {
  return [
    ...(remedies.length === 0
      ? []
      : ["To recover, in this order, each only on the evidence of the one before:"]),
    ...remedies.flatMap((remedy, index) => describeRemedy(remedy, index + 1)),
    ...(isPartial && remedies.length > 0
      ? ["What comes after that can be seen only then: it is told before it is done."]
      : []),
    ...(obstacles.length === 0 ? [] : ["", "What this command leaves to you:"]),
    ...obstacles.flatMap(describeObstacle),
    ...(remedies.length + obstacles.length === 0 ? ["There is nothing to recover."] : []),
  ].join("\n");
}

function describeRemedy({ does, found, why, interrupts, milliseconds }: Remedy, place: number): string[] {
  const more = found.length - mostFound;
  return [
    "",
    `${place}. ${does[0]!.toUpperCase()}${does.slice(1)}`,
    ...found.slice(0, mostFound).map(({ subject, message }) => `     Found: ${subject}: ${message}`),
    ...(more > 0 ? [`            and ${more} more: --json lists all`] : []),
    `     Why: ${why}`,
    `     Interrupts: ${interrupts}`,
    `     Takes: about ${formatSpan(milliseconds)}`,
  ];
}

function describeObstacle({ subject, message, fix }: Obstacle): string[] {
  return [`  ${subject}: ${message}`, `    Fix: ${fix}`];
}

/** In the words of someone who has to decide whether there is time. */
export function describeForecast({ nearest, ifStopped }: Forecast, time: Date): string {
  const ending = ({ state, at }: Ending) =>
    `in ${formatSpan(at.getTime() - time.getTime())}, at ${formatTime(at)}, ${state}`;
  return [
    ...(nearest === undefined ? [] : [`Nearest that nobody prevents by itself: ${ending(nearest)}.`]),
    ...(ifStopped === undefined
      ? []
      : [
          `First if all that renews stopped now: ${ending(ifStopped)}. Prevented by ${ifStopped.prevention}.`,
        ]),
  ].join("\n");
}
