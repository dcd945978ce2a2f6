/** A plan, and a forecast, for people. */

import type { Ending, Forecast } from "../../rules/recovery/forecast.ts";
import type { Fault, Obstacle, Plan, Remedy } from "../../rules/recovery/plan.ts";
import { formatSpan, formatTime } from "../format.ts";

/** Longer lists are for the JSON. */
const mostFound = 5;

export function describePlan({ remedies, waiting, obstacles, isPartial }: Plan): string {
  if (remedies.length + obstacles.length === 0) return "There is nothing to recover.";
  const sections = [
    remedies.length === 0 ? [] : ["To recover, in this order, each only on the evidence of the one before:"],
    ...remedies.map(describeRemedy),
    isPartial && remedies.length > 0
      ? ["What comes after that can be seen only then: it is told before it is done."]
      : [],
    obstacles.length === 0
      ? []
      : ["What this command leaves to you:", ...obstacles.flatMap(describeObstacle)],
    waiting.length === 0 ? [] : ["What waits until then:", ...waiting.flatMap(describeWaiting)],
  ];
  return sections
    .filter(({ length }) => length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function describeRemedy({ does, found, why, interrupts, milliseconds }: Remedy, index: number): string[] {
  return [
    `${index + 1}. ${does[0]!.toUpperCase()}${does.slice(1)}`,
    ...describeFound(found),
    `     Why: ${why}`,
    `     Interrupts: ${interrupts}`,
    `     Takes: about ${formatSpan(milliseconds)}`,
  ];
}

const describeWaiting = ({ does, found }: Remedy) => [`  To ${does}`, ...describeFound(found)];

function describeFound(found: readonly Fault[]): string[] {
  const more = found.length - mostFound;
  return [
    ...found.slice(0, mostFound).map(({ subject, message }) => `     Found: ${subject}: ${message}`),
    ...(more > 0 ? [`            and ${more} more: --json lists all`] : []),
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
    ...(nearest === undefined
      ? []
      : [`Nearest that nobody prevents by itself: ${ending(nearest)}.${withSpace(nearest.advice)}`]),
    ...(ifStopped === undefined
      ? []
      : [
          `First if all that renews stopped now: ${ending(ifStopped)}. Prevented by ${ifStopped.prevention}.`,
        ]),
  ].join("\n");
}

const withSpace = (text: string | undefined) => (text === undefined ? "" : ` ${text}`);
