/** What an object has otherwise than it is wanted. */
import { isPlainObject } from "../rules/known.ts";

/** A field, such as `ca.secretName`. */
interface Difference {
  readonly path: string;
  readonly wanted: unknown;
  readonly present: unknown;
}

/** The fields of what is wanted that are other ones, or none; what the object has beside them is not looked at. */
export function differencesIn(wanted: unknown, present: unknown): readonly Difference[] {
  if (!isPlainObject(wanted)) {
    return JSON.stringify(wanted) === JSON.stringify(present) ? [] : [{ path: "", wanted, present }];
  }
  return Object.entries(wanted).flatMap(([key, value]) =>
    differencesIn(value, isPlainObject(present) ? present[key] : undefined).map(({ path, ...values }) => ({
      path: path === "" ? key : `${key}.${path}`,
      ...values,
    })),
  );
}
