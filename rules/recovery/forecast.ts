/** Which state a mesh is nearest to that it would have to be recovered from, and how long until it is reached. */

export interface Ending {
  /** What is reached then, as a clause: `the identity issuer ends, and every proxy's certificate with it`. */
  readonly state: string;
  readonly at: Date;
  /** Who sees to it that it is not reached, and when; absent if nobody does by itself. */
  readonly prevention?: string | undefined;
  /** What someone has to do, so that it is not reached, as a sentence; absent if it is told elsewhere. */
  readonly advice?: string | undefined;
}

export interface Forecast {
  /** The first that nobody prevents; absent if there is none. */
  readonly nearest?: Ending | undefined;
  /** The first that would be reached if all that renews by itself stopped now. */
  readonly ifStopped?: Ending | undefined;
}

/** What has been reached already is no forecast. */
export function forecastOf(endings: readonly Ending[], time: Date): Forecast {
  const coming = endings
    .filter(({ at }) => at > time)
    .toSorted((one, other) => one.at.getTime() - other.at.getTime());
  return {
    nearest: coming.find(({ prevention }) => prevention === undefined),
    ifStopped: coming.find(({ prevention }) => prevention !== undefined),
  };
}
