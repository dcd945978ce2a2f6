/** Values that are known now, and those that only the engine will know: Pulumi's Outputs, which the rules cannot see into. */

/** A value as far as it is known now; `undefined` for one that only the engine will know. */
export function known<T extends string | number | boolean>(value: T | object | undefined): T | undefined {
  return typeof value === "object" ? undefined : value;
}

/** Whether only the engine will know a value: an Output is an object of a class, as no value of a configuration is. */
export function isLater(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null;
}

/** Whether a value is an object of named parts, and known. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isLater(value);
}
